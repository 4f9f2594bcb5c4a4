BEGIN TRANSACTION;
CREATE TABLE alerts (
	alert_id VARCHAR(200) NOT NULL, 
	as_of BIGINT NOT NULL, 
	severity VARCHAR(200) NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (alert_id)
);
INSERT INTO "alerts" VALUES('drift-2026-04-18-retrain',1775000000,'act','2026-04-18: retrain.');
CREATE TABLE cases (
	tx_id VARCHAR(200) NOT NULL, 
	opened_ts BIGINT NOT NULL, 
	state VARCHAR(200) NOT NULL, 
	expected_loss_cents FLOAT NOT NULL, 
	claimed_by VARCHAR(200), 
	claimed_until FLOAT NOT NULL, 
	PRIMARY KEY (tx_id)
);
INSERT INTO "cases" VALUES('t0',1775000000,'open',600.0,NULL,0.0);
INSERT INTO "cases" VALUES('t1',1775003600,'open',1200.0,NULL,0.0);
INSERT INTO "cases" VALUES('t2',1775007200,'open',1800.0,NULL,0.0);
INSERT INTO "cases" VALUES('t3',1775010800,'closed',2400.0,NULL,0.0);
INSERT INTO "cases" VALUES('t4',1775014400,'closed',3000.0,NULL,0.0);
CREATE TABLE controls (
	"key" VARCHAR(200) NOT NULL, 
	value TEXT NOT NULL, 
	changed_at FLOAT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "controls" VALUES('champion','{"version": "1", "sha256": "abababababababababababababababababababababababababababababababab", "threshold": 0.2, "file": "model.skops"}',1.79567846507472229002e+09);
CREATE TABLE days (
	policy VARCHAR(200) NOT NULL, 
	ts BIGINT NOT NULL, 
	"row" TEXT NOT NULL, 
	state TEXT NOT NULL, 
	PRIMARY KEY (policy, ts)
);
CREATE TABLE decisions (
	id INTEGER NOT NULL, 
	tx_id VARCHAR(200) NOT NULL, 
	verdict VARCHAR(200) NOT NULL, 
	note TEXT NOT NULL, 
	actor VARCHAR(200) NOT NULL, 
	decided_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "decisions" VALUES(1,'t4','fraud','a note','ann',1.79567846508499813083e+09);
INSERT INTO "decisions" VALUES(2,'t3','genuine','a note','bob',1.79567846509229564659e+09);
INSERT INTO "decisions" VALUES(3,'t2','unsure','a note','ann',1.79567846509568262102e+09);
CREATE TABLE deliveries (
	alert_id VARCHAR(200) NOT NULL, 
	delivered_at FLOAT NOT NULL, 
	PRIMARY KEY (alert_id)
);
INSERT INTO "deliveries" VALUES('drift-2026-04-18-retrain',1.79567846507619071011e+09);
CREATE TABLE evidence (
	prediction_id VARCHAR(200) NOT NULL, 
	inputs TEXT NOT NULL, 
	reasons TEXT NOT NULL, 
	cold_start TEXT NOT NULL, 
	PRIMARY KEY (prediction_id)
);
INSERT INTO "evidence" VALUES('p0','[]','[]','[]');
INSERT INTO "evidence" VALUES('p1','[]','[]','[]');
INSERT INTO "evidence" VALUES('p2','[]','[]','[]');
INSERT INTO "evidence" VALUES('p3','[]','[]','[]');
INSERT INTO "evidence" VALUES('p4','[]','[]','[]');
INSERT INTO "evidence" VALUES('p5','[]','[]','[]');
INSERT INTO "evidence" VALUES('p6','[]','[]','[]');
INSERT INTO "evidence" VALUES('p7','[]','[]','[]');
CREATE TABLE labels (
	tx_id VARCHAR(200) NOT NULL, 
	source VARCHAR(200) NOT NULL, 
	actor VARCHAR(200) NOT NULL, 
	customer_id VARCHAR(200) NOT NULL, 
	terminal_id VARCHAR(200) NOT NULL, 
	is_fraud INTEGER NOT NULL, 
	label_ts BIGINT NOT NULL, 
	PRIMARY KEY (tx_id, source, actor)
);
INSERT INTO "labels" VALUES('t7','chargeback','issuer','c1','m1',1,1775100000);
INSERT INTO "labels" VALUES('t4','reviewer','ann','c1','m0',1,1775014400);
INSERT INTO "labels" VALUES('t3','reviewer','bob','c0','m1',0,1775010800);
CREATE TABLE ledger (
	seq INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	previous VARCHAR(200) NOT NULL, 
	hash VARCHAR(200) NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "ledger" VALUES(1,'{"actor":"pipeline","at":1795678465.074,"event":"champion","payload":{"gates":[],"kind":"promotion","previous":null,"reason":"first","sha256":"abababababababababababababababababababababababababababababababab","threshold":0.2,"version":"1"}}','0000000000000000000000000000000000000000000000000000000000000000','277711a84597b426905f413da89b8a7f193d6a94f7250e81bee843a7302c3d3a');
INSERT INTO "ledger" VALUES(2,'{"actor":"ann","at":1795678465.089,"event":"decision","payload":{"note":"a note","tx_id":"t4","verdict":"fraud"}}','277711a84597b426905f413da89b8a7f193d6a94f7250e81bee843a7302c3d3a','2bf36ef3e7c2916ccfea055e7f0e77a03a23da9a65cb10ec3c536ea5e1a23c8a');
INSERT INTO "ledger" VALUES(3,'{"actor":"bob","at":1795678465.094,"event":"decision","payload":{"note":"a note","tx_id":"t3","verdict":"genuine"}}','2bf36ef3e7c2916ccfea055e7f0e77a03a23da9a65cb10ec3c536ea5e1a23c8a','0b20bd4e1b4e4753715b00c36e7dbc246d462ef3708cf931e2896f5b4cf72cfe');
INSERT INTO "ledger" VALUES(4,'{"actor":"ann","at":1795678465.096,"event":"decision","payload":{"note":"a note","tx_id":"t2","verdict":"unsure"}}','0b20bd4e1b4e4753715b00c36e7dbc246d462ef3708cf931e2896f5b4cf72cfe','05ec026fe2a9c3de4dfed5d76322ad14618257e716b24cbb525043b642245385');
CREATE TABLE operation (
	"key" VARCHAR(200) NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "operation" VALUES('oldest');
CREATE TABLE predictions (
	prediction_id VARCHAR(200) NOT NULL, 
	tx_id VARCHAR(200) NOT NULL, 
	ts BIGINT NOT NULL, 
	scored_at FLOAT NOT NULL, 
	model_version VARCHAR(200) NOT NULL, 
	probability FLOAT NOT NULL, 
	threshold FLOAT NOT NULL, 
	decision VARCHAR(200) NOT NULL, 
	PRIMARY KEY (prediction_id), 
	UNIQUE (tx_id)
);
INSERT INTO "predictions" VALUES('p0','t0',1775000000,1.79567846506530714037e+09,'1',0.6,0.2,'review');
INSERT INTO "predictions" VALUES('p1','t1',1775003600,1.79567846506674933439e+09,'1',0.6,0.2,'review');
INSERT INTO "predictions" VALUES('p2','t2',1775007200,1.79567846506694769859e+09,'1',0.6,0.2,'review');
INSERT INTO "predictions" VALUES('p3','t3',1775010800,1.7956784650715930462e+09,'1',0.6,0.2,'review');
INSERT INTO "predictions" VALUES('p4','t4',1775014400,1.79567846507181954384e+09,'1',0.6,0.2,'review');
INSERT INTO "predictions" VALUES('p5','t5',1775018000,1.79567846507199954989e+09,'1',0.01,0.2,'approve');
INSERT INTO "predictions" VALUES('p6','t6',1775021600,1.79567846507217621803e+09,'1',0.01,0.2,'approve');
INSERT INTO "predictions" VALUES('p7','t7',1775025200,1.79567846507232475273e+09,'1',0.01,0.2,'approve');
CREATE TABLE shadow (
	prediction_id VARCHAR(200) NOT NULL, 
	model_version VARCHAR(200) NOT NULL, 
	tx_id VARCHAR(200) NOT NULL, 
	scored_at FLOAT NOT NULL, 
	probability FLOAT NOT NULL, 
	threshold FLOAT NOT NULL, 
	decision VARCHAR(200) NOT NULL, 
	PRIMARY KEY (prediction_id, model_version)
);
CREATE TABLE transactions (
	tx_id VARCHAR(200) NOT NULL, 
	ts BIGINT NOT NULL, 
	customer_id VARCHAR(200) NOT NULL, 
	terminal_id VARCHAR(200) NOT NULL, 
	amount_cents BIGINT NOT NULL, 
	category VARCHAR(200) NOT NULL, 
	channel VARCHAR(200) NOT NULL, 
	lat_cdeg INTEGER, 
	lon_cdeg INTEGER, 
	PRIMARY KEY (tx_id)
);
INSERT INTO "transactions" VALUES('t0',1775000000,'c0','m0',1000,'food','chip',5000,800);
INSERT INTO "transactions" VALUES('t1',1775003600,'c1','m1',2000,'food','online',NULL,NULL);
INSERT INTO "transactions" VALUES('t2',1775007200,'c2','m0',3000,'food','chip',5000,800);
INSERT INTO "transactions" VALUES('t3',1775010800,'c0','m1',4000,'food','online',NULL,NULL);
INSERT INTO "transactions" VALUES('t4',1775014400,'c1','m0',5000,'food','chip',5000,800);
INSERT INTO "transactions" VALUES('t5',1775018000,'c2','m1',6000,'food','online',NULL,NULL);
INSERT INTO "transactions" VALUES('t6',1775021600,'c0','m0',7000,'food','chip',5000,800);
INSERT INTO "transactions" VALUES('t7',1775025200,'c1','m1',8000,'food','online',NULL,NULL);
CREATE INDEX tx_terminal ON transactions (terminal_id, ts);
CREATE INDEX tx_customer ON transactions (customer_id, ts);
CREATE INDEX label_terminal ON labels (terminal_id, label_ts);
CREATE INDEX label_customer ON labels (customer_id, label_ts);
CREATE INDEX ix_predictions_ts ON predictions (ts);
CREATE INDEX ix_predictions_decision ON predictions (decision);
CREATE INDEX ix_shadow_tx_id ON shadow (tx_id);
CREATE INDEX ix_cases_state ON cases (state);
CREATE INDEX ix_decisions_tx_id ON decisions (tx_id);
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
COMMIT;
