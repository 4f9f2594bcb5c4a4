-- Point-in-time features, one text for every engine: integer sums and counts only, so that all engines give the same bits.
-- Reads  tx     (tx_id, ts, customer_id, terminal_id, amount_cents, category, channel, wanted)
--        fraud  (tx_id, customer_id, terminal_id, label_ts): reports of fraud, each known from label_ts on
-- Gives one row for each transaction with wanted = 1.
-- Every window ends 60 seconds before the transaction: what arrives within the same minute, in whatever order, is seen by
-- neither the offline run nor the service. A label counts from its own arrival, never from the fraud's time.
WITH event AS (
    SELECT tx_id, ts, customer_id, terminal_id, category, amount_cents, wanted, 1 AS is_tx, 0 AS is_fraud,
           CASE WHEN channel = 'online' THEN 1 ELSE 0 END AS is_online
    FROM tx
    UNION ALL
    SELECT tx_id, label_ts AS ts, customer_id, terminal_id, '' AS category, 0 AS amount_cents, 0 AS wanted, 0 AS is_tx,
           1 AS is_fraud, 0 AS is_online
    FROM fraud
),
windowed AS (
    SELECT
        tx_id, ts, wanted,
        CAST(COALESCE(SUM(is_tx) OVER c_hour, 0) AS BIGINT) AS c_n_1h,
        CAST(COALESCE(SUM(is_tx) OVER c_day, 0) AS BIGINT) AS c_n_1d,
        CAST(COALESCE(SUM(is_tx) OVER c_week, 0) AS BIGINT) AS c_n_7d,
        CAST(COALESCE(SUM(is_tx) OVER c_month, 0) AS BIGINT) AS c_n_30d,
        CAST(COALESCE(SUM(amount_cents) OVER c_day, 0) AS BIGINT) AS c_sum_1d,
        CAST(COALESCE(SUM(amount_cents) OVER c_week, 0) AS BIGINT) AS c_sum_7d,
        CAST(COALESCE(SUM(amount_cents) OVER c_month, 0) AS BIGINT) AS c_sum_30d,
        CAST(COALESCE(MAX(amount_cents) OVER c_month, 0) AS BIGINT) AS c_max_30d,
        CAST(COALESCE(SUM(is_online) OVER c_day, 0) AS BIGINT) AS c_online_1d,
        CAST(COALESCE(SUM(is_online) OVER c_month, 0) AS BIGINT) AS c_online_30d,
        CAST(COALESCE(SUM(is_fraud) OVER c_month, 0) AS BIGINT) AS c_fraud_30d,
        CAST(MAX(CASE WHEN is_tx = 1 THEN ts END) OVER c_month AS BIGINT) AS c_last_ts,
        CAST(COALESCE(SUM(is_tx) OVER pair_month, 0) AS BIGINT) AS ct_n_30d,
        CAST(COALESCE(SUM(is_tx) OVER kind_month, 0) AS BIGINT) AS cc_n_30d,
        CAST(COALESCE(SUM(is_tx) OVER t_day, 0) AS BIGINT) AS t_n_1d,
        CAST(COALESCE(SUM(is_tx) OVER t_week, 0) AS BIGINT) AS t_n_7d,
        CAST(COALESCE(SUM(is_tx) OVER t_month, 0) AS BIGINT) AS t_n_30d,
        CAST(COALESCE(SUM(amount_cents) OVER t_month, 0) AS BIGINT) AS t_sum_30d,
        CAST(COALESCE(SUM(is_fraud) OVER t_week, 0) AS BIGINT) AS t_fraud_7d,
        CAST(COALESCE(SUM(is_fraud) OVER t_month, 0) AS BIGINT) AS t_fraud_30d
    FROM event
    WINDOW
        c_hour AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 3600 PRECEDING AND 60 PRECEDING),
        c_day AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 86400 PRECEDING AND 60 PRECEDING),
        c_week AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 604800 PRECEDING AND 60 PRECEDING),
        c_month AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING),
        pair_month AS (PARTITION BY customer_id, terminal_id ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING),
        kind_month AS (PARTITION BY customer_id, category ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING),
        t_day AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 86400 PRECEDING AND 60 PRECEDING),
        t_week AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 604800 PRECEDING AND 60 PRECEDING),
        t_month AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING)
)
SELECT * FROM windowed WHERE wanted = 1
