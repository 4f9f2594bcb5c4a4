-- Point-in-time features: what was known of a customer and of a terminal 60 seconds before each
-- transaction.
--
-- Input:   tx     purchases: tx_id (unique), ts, customer_id, terminal_id, amount_cents,
--                 category, channel, lat_cdeg, lon_cdeg (hundredths of a degree), wanted
--          fraud  fraud reports: tx_id, customer_id, terminal_id, label_ts (time of arrival)
--          refund refunds and reversals: customer_id, ts
-- Output:  one row for each transaction with wanted = 1
--
-- Times are whole seconds and amounts are whole cents. Counts and sums of integers are exact, so
-- DuckDB, SQLite, PostgreSQL and Spark give the same bits. Python divides them (transform.py).
--
-- Names:   c_ the customer, t_ the terminal, ct_ the customer at this terminal,
--          cc_ the customer in this category; the ending is the length of the window:
--          1h = 3600 s, 1d = 86400 s, 7d = 604800 s, 14d = 1209600 s, 30d = 2592000 s,
--          60d = 5184000 s
--
-- Every window ends 60 seconds before the transaction. Transactions of one minute may arrive in any
-- order, and so neither this text nor the service looks at them. A fraud report counts from its
-- arrival, not from the time of the fraud. A refund is no spending: it is in no count and no sum of
-- transactions.
WITH

-- Step 1. Leave out what no wanted transaction depends on: other customers at other terminals.
relevant AS (
  SELECT *
  FROM tx
  WHERE
    customer_id IN (SELECT customer_id FROM tx WHERE wanted = 1)
    OR terminal_id IN (SELECT terminal_id FROM tx WHERE wanted = 1)
),

-- Step 2. What the customer usually pays: count and sum of 60 days.
customer_60_days AS (
  SELECT
    relevant.*,
    COUNT(*) OVER c_60d AS c_n_60d,
    CAST(COALESCE(SUM(amount_cents) OVER c_60d, 0) AS BIGINT) AS c_sum_60d
  FROM relevant
  WINDOW
    c_60d AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 5184000 PRECEDING AND 60 PRECEDING)
),

-- Step 3. What is special about a transaction. A mark is 1 or NULL, because COUNT leaves NULL out.
marked AS (
  SELECT
    customer_60_days.*,
    CASE WHEN channel = 'online' THEN 1 END AS is_online,
    -- unusual: more than three times the customer's mean amount of at least three transactions
    CASE WHEN c_n_60d >= 3 AND amount_cents * c_n_60d > 3 * c_sum_60d THEN 1 END AS is_unusual,
    -- Time and position in one number, so that MAX finds the newest position on every engine:
    -- the time counts most, then the latitude, then the longitude. There are 36001 longitudes
    -- (-180.00 to 180.00 degrees), and fewer positions than 1073741824, which is 2 to the power
    -- of 30. The number is NULL where the position is unknown.
    ts * 1073741824 + (lat_cdeg + 9000) * 36001 + lon_cdeg + 18000 AS place
  FROM customer_60_days
  -- the other windows reach back 30 days at most
  WHERE ts >= (SELECT MIN(ts) FROM tx WHERE wanted = 1) - 2592000
),

-- Step 4. Earlier transactions of the customer and at the terminal.
history AS (
  SELECT
    tx_id, ts, wanted, c_n_60d, c_sum_60d,
    COUNT(*) OVER c_1h AS c_n_1h,
    COUNT(*) OVER c_1d AS c_n_1d,
    COUNT(*) OVER c_7d AS c_n_7d,
    COUNT(*) OVER c_30d AS c_n_30d,
    CAST(COALESCE(SUM(amount_cents) OVER c_1d, 0) AS BIGINT) AS c_sum_1d,
    CAST(COALESCE(SUM(amount_cents) OVER c_7d, 0) AS BIGINT) AS c_sum_7d,
    CAST(COALESCE(SUM(amount_cents) OVER c_30d, 0) AS BIGINT) AS c_sum_30d,
    COALESCE(MAX(amount_cents) OVER c_30d, 0) AS c_max_30d,
    COUNT(is_online) OVER c_1d AS c_online_1d,
    COUNT(is_online) OVER c_30d AS c_online_30d,
    COUNT(is_unusual) OVER c_1d AS c_unusual_1d,
    COUNT(is_unusual) OVER c_14d AS c_unusual_14d,
    MAX(ts) OVER c_30d AS c_last_ts,
    COALESCE(MAX(place) OVER c_30d, -1) AS c_last_place,
    COUNT(*) OVER ct_30d AS ct_n_30d,
    COUNT(*) OVER cc_30d AS cc_n_30d,
    COUNT(*) OVER t_1h AS t_n_1h,
    COUNT(*) OVER t_1d AS t_n_1d,
    COUNT(*) OVER t_7d AS t_n_7d,
    COUNT(*) OVER t_14d AS t_n_14d,
    COUNT(*) OVER t_30d AS t_n_30d,
    CAST(COALESCE(SUM(amount_cents) OVER t_30d, 0) AS BIGINT) AS t_sum_30d
  FROM marked
  WINDOW
    c_1h AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 3600 PRECEDING AND 60 PRECEDING),
    c_1d AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 86400 PRECEDING AND 60 PRECEDING),
    c_7d AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 604800 PRECEDING AND 60 PRECEDING),
    c_14d AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 1209600 PRECEDING AND 60 PRECEDING),
    c_30d AS (PARTITION BY customer_id ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING),
    ct_30d AS (
      PARTITION BY customer_id, terminal_id
      ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING
    ),
    cc_30d AS (
      PARTITION BY customer_id, category
      ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING
    ),
    t_1h AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 3600 PRECEDING AND 60 PRECEDING),
    t_1d AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 86400 PRECEDING AND 60 PRECEDING),
    t_7d AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 604800 PRECEDING AND 60 PRECEDING),
    t_14d AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 1209600 PRECEDING AND 60 PRECEDING),
    t_30d AS (PARTITION BY terminal_id ORDER BY ts RANGE BETWEEN 2592000 PRECEDING AND 60 PRECEDING)
),

-- Step 5. Fraud reports that had arrived: on the customer's card, and on the terminal.
customer_reports AS (
  SELECT tx.tx_id, COUNT(*) AS c_fraud_30d
  FROM tx
  JOIN fraud
    ON fraud.customer_id = tx.customer_id
    AND fraud.label_ts BETWEEN tx.ts - 2592000 AND tx.ts - 60
  WHERE tx.wanted = 1
  GROUP BY tx.tx_id
),
terminal_reports AS (
  SELECT
    tx.tx_id,
    COUNT(*) FILTER (WHERE fraud.label_ts >= tx.ts - 86400) AS t_fraud_1d,
    COUNT(*) FILTER (WHERE fraud.label_ts >= tx.ts - 604800) AS t_fraud_7d,
    COUNT(*) AS t_fraud_30d,
    MIN(fraud.label_ts) AS t_first_report_ts,
    MAX(fraud.label_ts) AS t_last_report_ts
  FROM tx
  JOIN fraud
    ON fraud.terminal_id = tx.terminal_id
    AND fraud.label_ts BETWEEN tx.ts - 2592000 AND tx.ts - 60
  WHERE tx.wanted = 1
  GROUP BY tx.tx_id
),

-- Step 6. What the customer got back.
customer_refunds AS (
  SELECT
    tx.tx_id,
    COUNT(*) FILTER (WHERE refund.ts >= tx.ts - 604800) AS c_refunds_7d,
    MAX(refund.ts) AS c_last_refund_ts
  FROM tx
  JOIN refund
    ON refund.customer_id = tx.customer_id
    AND refund.ts BETWEEN tx.ts - 2592000 AND tx.ts - 60
  WHERE tx.wanted = 1
  GROUP BY tx.tx_id
)

-- Step 7. All of it side by side. A transaction without reports or refunds has no row in step 5 or
-- 6: count 0.
SELECT
  history.tx_id, ts,
  c_n_1d, c_sum_1d, c_n_7d, c_sum_7d, c_n_30d, c_sum_30d,
  t_n_1d, COALESCE(t_fraud_1d, 0) AS t_fraud_1d,
  t_n_7d, COALESCE(t_fraud_7d, 0) AS t_fraud_7d,
  t_n_30d, COALESCE(t_fraud_30d, 0) AS t_fraud_30d,
  c_n_1h, c_n_60d, c_sum_60d, c_max_30d, c_online_1d, c_online_30d,
  COALESCE(c_fraud_30d, 0) AS c_fraud_30d,
  c_last_ts, c_last_place, ct_n_30d, cc_n_30d,
  t_n_1h, t_n_14d, t_sum_30d, t_first_report_ts, t_last_report_ts,
  c_unusual_1d, c_unusual_14d,
  COALESCE(c_refunds_7d, 0) AS c_refunds_7d, c_last_refund_ts
FROM history
LEFT JOIN customer_reports ON customer_reports.tx_id = history.tx_id
LEFT JOIN terminal_reports ON terminal_reports.tx_id = history.tx_id
LEFT JOIN customer_refunds ON customer_refunds.tx_id = history.tx_id
WHERE wanted = 1
