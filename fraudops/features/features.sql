-- Point-in-time features, one text for every engine: integer sums and counts only, so that all engines give the same bits.
-- Reads  tx     (tx_id, ts, customer_id, terminal_id, amount_cents, category, channel, lat_cdeg, lon_cdeg, wanted)
--        fraud  (tx_id, customer_id, terminal_id, label_ts): reports of fraud, each known from label_ts on
-- Gives one row for each transaction with wanted = 1; what no such transaction can depend on is left out on the way, so that
-- one transaction costs little.
-- Every window ends 60 seconds before the transaction: what arrives within the same minute, in whatever order, is seen by
-- neither the offline run nor the service. A label counts from its own arrival, never from the fraud's time.
-- `paid` and `seen` hold two numbers in one, a transaction times 2 to the power of 42 and its cents, or a report: one look through
-- a window, which is what takes time, adds up both. Forty-four billion of money fit, and two million transactions.
WITH customer_event AS (
    -- time and place in one integer, so that MAX finds the last place, and the same one on every engine
    SELECT tx_id, ts, customer_id, terminal_id, category, amount_cents, wanted, 1 AS is_tx, 0 AS is_fraud,
           CAST(4398046511104 AS BIGINT) + amount_cents AS paid,
           CASE WHEN channel = 'online' THEN 1 ELSE 0 END AS is_online,
           ts * CAST(1073741824 AS BIGINT) + (lat_cdeg + 9000) * 36001 + lon_cdeg + 18000 AS place
    FROM tx
    WHERE customer_id IN (SELECT customer_id FROM tx WHERE wanted = 1)
    UNION ALL
    SELECT tx_id, label_ts AS ts, customer_id, terminal_id, '' AS category, 0 AS amount_cents, 0 AS wanted, 0 AS is_tx,
           1 AS is_fraud, 0 AS paid, 0 AS is_online, CAST(NULL AS BIGINT) AS place
    FROM fraud
    WHERE customer_id IN (SELECT customer_id FROM tx WHERE wanted = 1)
),
usual AS (
    SELECT customer_event.*,
        CAST(COALESCE(SUM(is_tx) OVER c_season, 0) AS BIGINT) AS c_n_60d,
        CAST(COALESCE(SUM(amount_cents) OVER c_season, 0) AS BIGINT) AS c_sum_60d
    FROM customer_event
    WINDOW c_season AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 5184000 PRECEDING AND 60 PRECEDING)
),
flagged AS (
    -- unusual: over three times the customer's own mean of 60 days, once there are three transactions to know it by
    SELECT usual.*,
           CASE WHEN is_tx = 1 AND c_n_60d >= 3 AND amount_cents * c_n_60d > 3 * c_sum_60d THEN 1 ELSE 0 END AS is_unusual
    FROM usual
    WHERE ts >= (SELECT MIN(ts) FROM tx WHERE wanted = 1) - 2592000
),
customer AS (
    SELECT
        tx_id, ts, wanted, c_n_60d, c_sum_60d,
        CAST(COALESCE(SUM(is_tx) OVER c_hour, 0) AS BIGINT) AS c_n_1h,
        CAST(COALESCE(SUM(paid) OVER c_day, 0) AS BIGINT) AS c_paid_1d,
        CAST(COALESCE(SUM(paid) OVER c_week, 0) AS BIGINT) AS c_paid_7d,
        CAST(COALESCE(SUM(paid) OVER c_month, 0) AS BIGINT) AS c_paid_30d,
        CAST(COALESCE(MAX(amount_cents) OVER c_month, 0) AS BIGINT) AS c_max_30d,
        CAST(COALESCE(SUM(is_online) OVER c_day, 0) AS BIGINT) AS c_online_1d,
        CAST(COALESCE(SUM(is_online) OVER c_month, 0) AS BIGINT) AS c_online_30d,
        CAST(COALESCE(SUM(is_fraud) OVER c_month, 0) AS BIGINT) AS c_fraud_30d,
        CAST(MAX(CASE WHEN is_tx = 1 THEN ts END) OVER c_month AS BIGINT) AS c_last_ts,
        CAST(COALESCE(MAX(place) OVER c_month, -1) AS BIGINT) AS c_last_place,
        CAST(COALESCE(SUM(is_unusual) OVER c_day, 0) AS BIGINT) AS c_unusual_1d,
        CAST(COALESCE(SUM(is_unusual) OVER c_fortnight, 0) AS BIGINT) AS c_unusual_14d,
        CAST(COALESCE(SUM(is_tx) OVER pair_month, 0) AS BIGINT) AS ct_n_30d,
        CAST(COALESCE(SUM(is_tx) OVER kind_month, 0) AS BIGINT) AS cc_n_30d
    FROM flagged
    WINDOW
        c_hour AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 3600 PRECEDING AND 60 PRECEDING),
        c_day AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 86400 PRECEDING AND 60 PRECEDING),
        c_week AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 604800 PRECEDING AND 60 PRECEDING),
        c_fortnight AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 1209600 PRECEDING AND 60 PRECEDING),
        c_month AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING),
        pair_month AS (PARTITION BY customer_id, terminal_id ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING),
        kind_month AS (PARTITION BY customer_id, category ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING)
),
terminal_event AS (
    SELECT tx_id, ts, terminal_id, amount_cents, wanted, 1 AS is_tx, 0 AS is_fraud,
           CAST(4398046511104 AS BIGINT) AS seen
    FROM tx
    WHERE terminal_id IN (SELECT terminal_id FROM tx WHERE wanted = 1)
    UNION ALL
    SELECT tx_id, label_ts AS ts, terminal_id, 0 AS amount_cents, 0 AS wanted, 0 AS is_tx, 1 AS is_fraud, 1 AS seen
    FROM fraud
    WHERE terminal_id IN (SELECT terminal_id FROM tx WHERE wanted = 1)
),
terminal AS (
    SELECT
        tx_id AS t_tx_id, wanted AS t_wanted,
        CAST(COALESCE(SUM(is_tx) OVER t_hour, 0) AS BIGINT) AS t_n_1h,
        CAST(COALESCE(SUM(seen) OVER t_day, 0) AS BIGINT) AS t_seen_1d,
        CAST(COALESCE(SUM(seen) OVER t_week, 0) AS BIGINT) AS t_seen_7d,
        CAST(COALESCE(SUM(is_tx) OVER t_fortnight, 0) AS BIGINT) AS t_n_14d,
        CAST(COALESCE(SUM(seen) OVER t_month, 0) AS BIGINT) AS t_seen_30d,
        CAST(COALESCE(SUM(amount_cents) OVER t_month, 0) AS BIGINT) AS t_sum_30d,
        CAST(MIN(CASE WHEN is_fraud = 1 THEN ts END) OVER t_month AS BIGINT) AS t_first_report_ts,
        CAST(MAX(CASE WHEN is_fraud = 1 THEN ts END) OVER t_month AS BIGINT) AS t_last_report_ts
    FROM terminal_event
    WINDOW
        t_hour AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 3600 PRECEDING AND 60 PRECEDING),
        t_day AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 86400 PRECEDING AND 60 PRECEDING),
        t_week AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 604800 PRECEDING AND 60 PRECEDING),
        t_fortnight AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 1209600 PRECEDING AND 60 PRECEDING),
        t_month AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING)
)
SELECT
    tx_id, ts,
    CAST((c_paid_1d - c_paid_1d % 4398046511104) / 4398046511104 AS BIGINT) AS c_n_1d,
    c_paid_1d % 4398046511104 AS c_sum_1d,
    CAST((c_paid_7d - c_paid_7d % 4398046511104) / 4398046511104 AS BIGINT) AS c_n_7d,
    c_paid_7d % 4398046511104 AS c_sum_7d,
    CAST((c_paid_30d - c_paid_30d % 4398046511104) / 4398046511104 AS BIGINT) AS c_n_30d,
    c_paid_30d % 4398046511104 AS c_sum_30d,
    CAST((t_seen_1d - t_seen_1d % 4398046511104) / 4398046511104 AS BIGINT) AS t_n_1d,
    t_seen_1d % 4398046511104 AS t_fraud_1d,
    CAST((t_seen_7d - t_seen_7d % 4398046511104) / 4398046511104 AS BIGINT) AS t_n_7d,
    t_seen_7d % 4398046511104 AS t_fraud_7d,
    CAST((t_seen_30d - t_seen_30d % 4398046511104) / 4398046511104 AS BIGINT) AS t_n_30d,
    t_seen_30d % 4398046511104 AS t_fraud_30d,
    c_n_1h, c_n_60d, c_sum_60d, c_max_30d, c_online_1d, c_online_30d, c_fraud_30d, c_last_ts, c_last_place, ct_n_30d, cc_n_30d,
    t_n_1h, t_n_14d, t_sum_30d, t_first_report_ts, t_last_report_ts, c_unusual_1d, c_unusual_14d
FROM (SELECT * FROM customer WHERE wanted = 1) AS mine
JOIN (SELECT * FROM terminal WHERE t_wanted = 1) AS there ON t_tx_id = tx_id
