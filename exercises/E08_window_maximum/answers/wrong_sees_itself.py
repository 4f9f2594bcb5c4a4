def write_query():
    return """
        SELECT tx_id, MAX(amount_cents) OVER (PARTITION BY customer_id ORDER BY ts
            RANGE BETWEEN 604800 PRECEDING AND 0 PRECEDING) AS largest
        FROM tx ORDER BY tx_id
    """
