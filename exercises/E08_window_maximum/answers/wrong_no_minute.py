def write_query():
    return """
        SELECT now.tx_id, MAX(old.amount_cents) AS largest
        FROM tx AS now LEFT JOIN tx AS old
          ON old.customer_id = now.customer_id AND old.ts >= now.ts - 604800 AND old.ts < now.ts
        GROUP BY now.tx_id ORDER BY now.tx_id
    """
