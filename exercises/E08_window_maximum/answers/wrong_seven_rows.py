def write_query():
    return """
        SELECT tx_id, MAX(amount_cents) OVER week AS largest FROM tx
        WINDOW week AS (PARTITION BY customer_id ORDER BY ts
                        ROWS BETWEEN 7 PRECEDING AND 1 PRECEDING)
        ORDER BY tx_id
    """
