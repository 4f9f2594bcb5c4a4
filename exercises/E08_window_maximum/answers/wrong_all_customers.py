def write_query():
    return """
        SELECT now.tx_id, (SELECT MAX(old.amount_cents) FROM tx AS old
                           WHERE old.ts BETWEEN now.ts - 604800 AND now.ts - 60) AS largest
        FROM tx AS now ORDER BY now.tx_id
    """
