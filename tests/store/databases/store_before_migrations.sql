BEGIN TRANSACTION;
CREATE TABLE alerts (
	alert_id VARCHAR(200) NOT NULL, 
	as_of BIGINT NOT NULL, 
	severity VARCHAR(200) NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (alert_id)
);
INSERT INTO "alerts" VALUES('drift-2026-04-18-retrain',1776470400,'act','2026-04-18: retrain.');
INSERT INTO "alerts" VALUES('drift-2026-04-25-retrain',1777075200,'act','2026-04-25: retrain.');
CREATE TABLE cases (
	tx_id VARCHAR(200) NOT NULL, 
	opened_ts BIGINT NOT NULL, 
	kind VARCHAR(200) NOT NULL, 
	blind INTEGER NOT NULL, 
	state VARCHAR(200) NOT NULL, 
	expected_loss_cents FLOAT NOT NULL, 
	proposed VARCHAR(200), 
	proposed_by VARCHAR(200), 
	claimed_by VARCHAR(200), 
	claimed_at FLOAT NOT NULL, 
	claimed_until FLOAT NOT NULL, 
	PRIMARY KEY (tx_id)
);
INSERT INTO "cases" VALUES('t0',1728043200,'flagged',0,'open',400.0,NULL,NULL,NULL,0.0,0.0);
INSERT INTO "cases" VALUES('t1',1728043201,'flagged',0,'open',800.0,NULL,NULL,NULL,0.0,0.0);
INSERT INTO "cases" VALUES('t2',1728043202,'flagged',0,'open',1200.0,NULL,NULL,NULL,0.0,0.0);
INSERT INTO "cases" VALUES('t3',1728043203,'flagged',0,'open',1600.0,NULL,NULL,NULL,0.0,0.0);
INSERT INTO "cases" VALUES('t4',1728043204,'flagged',0,'open',2000.0,NULL,NULL,NULL,0.0,0.0);
INSERT INTO "cases" VALUES('t5',1728043205,'flagged',0,'open',2400.0,NULL,NULL,NULL,0.0,0.0);
INSERT INTO "cases" VALUES('t6',1728043206,'flagged',0,'open',2800.0,NULL,NULL,NULL,0.0,0.0);
INSERT INTO "cases" VALUES('t7',1728043207,'flagged',0,'open',3200.0,NULL,NULL,NULL,1.79567831543865656859e+09,0.0);
INSERT INTO "cases" VALUES('t8',1728043208,'flagged',0,'closed',3600.0,NULL,NULL,NULL,1.79567831542266297343e+09,0.0);
INSERT INTO "cases" VALUES('t9',1728043209,'flagged',0,'closed',4000.0,NULL,NULL,NULL,1.79567831540686392776e+09,0.0);
INSERT INTO "cases" VALUES('t10',1728043210,'flagged',0,'closed',4400.0,NULL,NULL,NULL,1.7956783152946867943e+09,0.0);
INSERT INTO "cases" VALUES('t11',1728043211,'flagged',0,'closed',4800.0,NULL,NULL,NULL,1.79567831526667141912e+09,0.0);
CREATE TABLE controls (
	"key" VARCHAR(200) NOT NULL, 
	value TEXT NOT NULL, 
	changed_at FLOAT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "controls" VALUES('champion','{"version": "1", "sha256": "abababababababababababababababababababababababababababababababab", "threshold": 0.2, "file": "model.skops"}',1.79567831524211931224e+09);
INSERT INTO "controls" VALUES('mode','{"mode": "model"}',1.79567831526063847544e+09);
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
	stage VARCHAR(200) NOT NULL, 
	verdict VARCHAR(200) NOT NULL, 
	reason VARCHAR(200) NOT NULL, 
	note TEXT NOT NULL, 
	actor VARCHAR(200) NOT NULL, 
	decided_at FLOAT NOT NULL, 
	seconds FLOAT NOT NULL, 
	override INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "decisions" VALUES(1,'t11','decision','fraud','customer_denies','note 0','ann',1.79567831528817987442e+09,2.15084552764892578125e-02,0);
INSERT INTO "decisions" VALUES(2,'t10','decision','genuine','customer_confirms','note 1','ann',1.79567831531092119215e+09,1.623439788818359375e-02,0);
INSERT INTO "decisions" VALUES(3,'t9','decision','unsure','no_contact','note 2','ann',1.79567831533062314988e+09,1.19130611419677734375e-02,0);
INSERT INTO "decisions" VALUES(4,'t9','decision','fraud','customer_denies','note 3','bob',1.79567831541923260689e+09,1.2368679046630859375e-02,0);
INSERT INTO "decisions" VALUES(5,'t8','decision','genuine','customer_confirms','note 4','bob',1.79567831543517923351e+09,1.25162601470947265625e-02,0);
INSERT INTO "decisions" VALUES(6,'t7','decision','unsure','no_contact','note 5','bob',1.79567831545522475248e+09,1.656818389892578125e-02,0);
CREATE TABLE deliveries (
	alert_id VARCHAR(200) NOT NULL, 
	delivered_at FLOAT NOT NULL, 
	PRIMARY KEY (alert_id)
);
INSERT INTO "deliveries" VALUES('drift-2026-04-18-retrain',1776470401.5);
CREATE TABLE evidence (
	prediction_id VARCHAR(200) NOT NULL, 
	inputs TEXT NOT NULL, 
	reasons TEXT NOT NULL, 
	cold_start TEXT NOT NULL, 
	PRIMARY KEY (prediction_id)
);
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
INSERT INTO "labels" VALUES('t15','chargeback','issuer','c','m',1,1800000000);
INSERT INTO "labels" VALUES('t11','reviewer','ann','c','m',1,1728043219);
INSERT INTO "labels" VALUES('t10','reviewer','ann','c','m',0,1728043219);
INSERT INTO "labels" VALUES('t9','reviewer','bob','c','m',1,1728043219);
INSERT INTO "labels" VALUES('t8','reviewer','bob','c','m',0,1728043219);
CREATE TABLE ledger (
	seq INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	previous VARCHAR(200) NOT NULL, 
	hash VARCHAR(200) NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "ledger" VALUES(1,'{"actor":"pipeline","at":1795678315.24,"event":"champion","payload":{"gates":[],"kind":"promotion","previous":null,"reason":"first","sha256":"abababababababababababababababababababababababababababababababab","threshold":0.2,"version":"1"}}','0000000000000000000000000000000000000000000000000000000000000000','cf012d16a485bbce80a0622e07d76957e79721339da3a124b91f6fced97d77ff');
INSERT INTO "ledger" VALUES(2,'{"actor":"admin","at":1795678315.243,"event":"user","payload":{"change":"added","name":"ann","role":"analyst"}}','cf012d16a485bbce80a0622e07d76957e79721339da3a124b91f6fced97d77ff','d1b88dbd2036fc931351f3a9b370bbe1bff949f7dd5b4ee21e96665b56f845de');
INSERT INTO "ledger" VALUES(3,'{"actor":"admin","at":1795678315.244,"event":"user","payload":{"change":"added","name":"bob","role":"supervisor"}}','d1b88dbd2036fc931351f3a9b370bbe1bff949f7dd5b4ee21e96665b56f845de','f384ca773f6364c0a191569de3e39a6207eaaca2e491ad7bd1e38516c0af20d1');
INSERT INTO "ledger" VALUES(4,'{"actor":"admin","at":1795678315.247,"event":"user","payload":{"change":"added","name":"cem","role":"auditor"}}','f384ca773f6364c0a191569de3e39a6207eaaca2e491ad7bd1e38516c0af20d1','d89c2fc6fe17490ddee0e9bb11477d07b318e5e12d4f60036fd6f3c1b9f6ad27');
INSERT INTO "ledger" VALUES(5,'{"actor":"operator","at":1795678315.261,"event":"service","payload":{"mode":{"mode":"model"},"reason":"as it should be"}}','d89c2fc6fe17490ddee0e9bb11477d07b318e5e12d4f60036fd6f3c1b9f6ad27','3b60a4102fb2fddd0e436ed6441e886143eeed713c9af04b5ea5f1dc217694cb');
INSERT INTO "ledger" VALUES(6,'{"actor":"ann","at":1795678315.278,"event":"read","payload":{"tx_id":"t11"}}','3b60a4102fb2fddd0e436ed6441e886143eeed713c9af04b5ea5f1dc217694cb','f3f1056a4adb9180cccbed526164f821b1365965596e344dd20afe9d68da8b36');
INSERT INTO "ledger" VALUES(7,'{"actor":"ann","at":1795678315.289,"event":"decision","payload":{"note":"note 0","override":0,"reason":"customer_denies","stage":"decision","tx_id":"t11","verdict":"fraud"}}','f3f1056a4adb9180cccbed526164f821b1365965596e344dd20afe9d68da8b36','3a53858b4aa69566c21aaea82af835a5eb5a33fd2db9dd5a039a80eb35ac4d87');
INSERT INTO "ledger" VALUES(8,'{"actor":"ann","at":1795678315.307,"event":"read","payload":{"tx_id":"t10"}}','3a53858b4aa69566c21aaea82af835a5eb5a33fd2db9dd5a039a80eb35ac4d87','27cf8167f38337e4862c83f8356ad65b9e39b30ceb2094226aec73f40c8cad16');
INSERT INTO "ledger" VALUES(9,'{"actor":"ann","at":1795678315.311,"event":"decision","payload":{"note":"note 1","override":0,"reason":"customer_confirms","stage":"decision","tx_id":"t10","verdict":"genuine"}}','27cf8167f38337e4862c83f8356ad65b9e39b30ceb2094226aec73f40c8cad16','a42a8584e0340c142bb4e0ad55c51c85e9b5ac5e02e72d80c485159d2d28d06b');
INSERT INTO "ledger" VALUES(10,'{"actor":"ann","at":1795678315.325,"event":"read","payload":{"tx_id":"t9"}}','a42a8584e0340c142bb4e0ad55c51c85e9b5ac5e02e72d80c485159d2d28d06b','249cfc49ef47a88e633f00fa028d769bf39134381c4424654fe6467e8fb43400');
INSERT INTO "ledger" VALUES(11,'{"actor":"ann","at":1795678315.331,"event":"decision","payload":{"note":"note 2","override":0,"reason":"no_contact","stage":"decision","tx_id":"t9","verdict":"unsure"}}','249cfc49ef47a88e633f00fa028d769bf39134381c4424654fe6467e8fb43400','8a5666deff72ba36ac9c0b10d6e2aaa66251f90d0ded07038a36e8dfe0e1ec58');
INSERT INTO "ledger" VALUES(12,'{"actor":"pipeline","at":1795678315.376,"event":"seal","payload":{"columns":["tx_id","ts","customer_id","terminal_id","amount_cents","category","channel","lat_cdeg","lon_cdeg"],"rows":20,"sha256":"120363dc3891b68a2185d28f0ef8ab6e7705e97c9dd3b28fed3a180470c202f0","table":"transactions"}}','8a5666deff72ba36ac9c0b10d6e2aaa66251f90d0ded07038a36e8dfe0e1ec58','532ec4c119252e51626f84f397a76806a73f6c0af006c84c1c0719a16531c96b');
INSERT INTO "ledger" VALUES(13,'{"actor":"pipeline","at":1795678315.384,"event":"seal","payload":{"columns":["prediction_id","tx_id","ts","scored_at","model_version","probability","threshold","decision"],"rows":20,"sha256":"08c9e5c20b81cf0b58e8aa2938a75600920069fdb27842bf1b7862f42e29afb7","table":"predictions"}}','532ec4c119252e51626f84f397a76806a73f6c0af006c84c1c0719a16531c96b','7153de1edc6f958e6114e0a35f41c7ac5d5f329ac6049505ce7a5829efc2bf64');
INSERT INTO "ledger" VALUES(14,'{"actor":"pipeline","at":1795678315.395,"event":"seal","payload":{"columns":["tx_id","source","actor","customer_id","terminal_id","is_fraud","label_ts"],"rows":3,"sha256":"3c6d77892f504df771629bebebeb5e5986ddf97dda0251d85e7ec7014cdb8818","table":"labels"}}','7153de1edc6f958e6114e0a35f41c7ac5d5f329ac6049505ce7a5829efc2bf64','7772814a8b3bf15b0b86973e627d98d5cb3953da2737249dc75865698f2eead8');
INSERT INTO "ledger" VALUES(15,'{"actor":"bob","at":1795678315.415,"event":"read","payload":{"tx_id":"t9"}}','7772814a8b3bf15b0b86973e627d98d5cb3953da2737249dc75865698f2eead8','a118810136ecd76d3c8efc232ca62df3300c471bfff1b1d0d885418669dbcf8a');
INSERT INTO "ledger" VALUES(16,'{"actor":"bob","at":1795678315.419,"event":"decision","payload":{"note":"note 3","override":0,"reason":"customer_denies","stage":"decision","tx_id":"t9","verdict":"fraud"}}','a118810136ecd76d3c8efc232ca62df3300c471bfff1b1d0d885418669dbcf8a','319982e0735e84e17705cdb9d485597dbacfe70e91c216cfd4ce9c2c64f99a5e');
INSERT INTO "ledger" VALUES(17,'{"actor":"bob","at":1795678315.431,"event":"read","payload":{"tx_id":"t8"}}','319982e0735e84e17705cdb9d485597dbacfe70e91c216cfd4ce9c2c64f99a5e','3cf80680e7ecc28ec94d65e62832aba91eb883fa4db8098df8f84e90789a1cc7');
INSERT INTO "ledger" VALUES(18,'{"actor":"bob","at":1795678315.435,"event":"decision","payload":{"note":"note 4","override":0,"reason":"customer_confirms","stage":"decision","tx_id":"t8","verdict":"genuine"}}','3cf80680e7ecc28ec94d65e62832aba91eb883fa4db8098df8f84e90789a1cc7','f1cfaf805e8c15cc1a85f79b8a60932f88c0a4656651606b8e6e1afc657da0b9');
INSERT INTO "ledger" VALUES(19,'{"actor":"bob","at":1795678315.451,"event":"read","payload":{"tx_id":"t7"}}','f1cfaf805e8c15cc1a85f79b8a60932f88c0a4656651606b8e6e1afc657da0b9','321a421afb34a254559b791bd86ad2a58fad29376c05d2d6d97507d222aea3c9');
INSERT INTO "ledger" VALUES(20,'{"actor":"bob","at":1795678315.455,"event":"decision","payload":{"note":"note 5","override":0,"reason":"no_contact","stage":"decision","tx_id":"t7","verdict":"unsure"}}','321a421afb34a254559b791bd86ad2a58fad29376c05d2d6d97507d222aea3c9','d7442ff7e58d22b04dddbb3ed5d2ad610251a5b1b62a091664821c52d99bab0b');
INSERT INTO "ledger" VALUES(21,'{"actor":"cem","at":1795678315.459,"event":"list","payload":{"filters":{"day":null},"name":"False negatives","rows":3}}','d7442ff7e58d22b04dddbb3ed5d2ad610251a5b1b62a091664821c52d99bab0b','b96f0f42d09418f194a2ebb5c80e3b901bbad752439af9ffccd3e826f90430a1');
INSERT INTO "ledger" VALUES(22,'{"actor":"cem","at":1795678315.463,"event":"export","payload":{"filters":{},"rows":20,"what":"transactions"}}','b96f0f42d09418f194a2ebb5c80e3b901bbad752439af9ffccd3e826f90430a1','921c4846e7f5b6028dfab3a99915dcd0fd2b95ae209701aaf2712d4b2ddde51e');
INSERT INTO "ledger" VALUES(23,'{"actor":"pipeline","at":1795678315.485,"event":"seal","payload":{"columns":["prediction_id","tx_id","ts","scored_at","model_version","probability","threshold","decision"],"rows":1,"sha256":"23586bd5c3c8c279a6daa43778b09047b859263421d7e2b9c9df232e757c7db1","table":"predictions"}}','921c4846e7f5b6028dfab3a99915dcd0fd2b95ae209701aaf2712d4b2ddde51e','1ef6fbeefeb067a86f2c1165efcaae0dcb0e73bd18e803141fcbb6141e3df407');
INSERT INTO "ledger" VALUES(24,'{"actor":"pipeline","at":1795678315.489,"event":"seal","payload":{"columns":["tx_id","source","actor","customer_id","terminal_id","is_fraud","label_ts"],"rows":2,"sha256":"829c8c65b3b13b9e08d3684391e80977b8d1d2ac30493910ee00f5b394c5e4e5","table":"labels"}}','1ef6fbeefeb067a86f2c1165efcaae0dcb0e73bd18e803141fcbb6141e3df407','b106cd67c89534466b273081ae6ed1bf6308bd1d007e7d5c186fb301d25f2e45');
CREATE TABLE operation (
	"key" VARCHAR(200) NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "operation" VALUES('one');
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
INSERT INTO "predictions" VALUES('ff68e4b17b3747ea98f97cf8ca6128b8','t0',1728043200,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('ff03e95e19874c0ebe9b356342fff7b2','t1',1728043201,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('ff5b9b2d6719406994d1d25e05f8f127','t2',1728043202,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('ff4f873b1b1147a895f0383e124ae9e8','t3',1728043203,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('ff244c220a8440fabd958d169cd3c83a','t4',1728043204,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('ff248627c78740e38bc5c138444723f4','t5',1728043205,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('ffaaa13eec574ef2bf06d8de91a0e535','t6',1728043206,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('fff4ffcaede54a26b51f2a2ed0550c43','t7',1728043207,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('ff26891e08c74216926d665b0b024d51','t8',1728043208,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('fff50afe1e424e419331be8ef89de3a4','t9',1728043209,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('ff8a309b46b047148c1247e84c0697e9','t10',1728043210,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('ff539f540ff44ca597d91ade783d7844','t11',1728043211,1.0,'1',0.4,0.2,'review');
INSERT INTO "predictions" VALUES('ffad603ce9274093ac43d72f4997278e','t12',1728043212,1.0,'1',0.01,0.2,'approve');
INSERT INTO "predictions" VALUES('ffeac476ce30494cbe33ba49ae7b0574','t13',1728043213,1.0,'1',0.01,0.2,'approve');
INSERT INTO "predictions" VALUES('ffee44f1bbbd4c84bf32dc3f76d7b1d9','t14',1728043214,1.0,'1',0.01,0.2,'approve');
INSERT INTO "predictions" VALUES('ffff5c7f2d404b39ba914e91372b03cc','t15',1728043215,1.0,'1',0.01,0.2,'approve');
INSERT INTO "predictions" VALUES('ff6cbae5063a45bf84115524b81834f8','t16',1728043216,1.0,'1',0.01,0.2,'approve');
INSERT INTO "predictions" VALUES('ffdd312e90e74f08b55af0694b1fcd23','t17',1728043217,1.0,'1',0.01,0.2,'approve');
INSERT INTO "predictions" VALUES('ff48f74b29034f89bbdaf99087afa8ff','t18',1728043218,1.0,'1',0.01,0.2,'approve');
INSERT INTO "predictions" VALUES('ff611b3252644d8fbfb29fa06b73084e','t19',1728043219,1.0,'1',0.01,0.2,'approve');
INSERT INTO "predictions" VALUES('late','t99',5,1.79567831546359300614e+09,'1',0.1,0.2,'approve');
CREATE TABLE requests (
	id INTEGER NOT NULL, 
	what VARCHAR(200) NOT NULL, 
	version VARCHAR(200) NOT NULL, 
	reason TEXT NOT NULL, 
	asked_by VARCHAR(200) NOT NULL, 
	asked_at FLOAT NOT NULL, 
	state VARCHAR(200) NOT NULL, 
	answered_by VARCHAR(200), 
	answered_at FLOAT, 
	PRIMARY KEY (id)
);
CREATE TABLE sealed (
	kind VARCHAR(200) NOT NULL, 
	"key" VARCHAR(200) NOT NULL, 
	source VARCHAR(200) NOT NULL, 
	actor VARCHAR(200) NOT NULL, 
	seal INTEGER NOT NULL, 
	PRIMARY KEY (kind, "key", source, actor)
)
 WITHOUT ROWID

;
INSERT INTO "sealed" VALUES('labels','t10','reviewer','ann',14);
INSERT INTO "sealed" VALUES('labels','t11','reviewer','ann',14);
INSERT INTO "sealed" VALUES('labels','t15','chargeback','issuer',14);
INSERT INTO "sealed" VALUES('labels','t8','reviewer','bob',24);
INSERT INTO "sealed" VALUES('labels','t9','reviewer','bob',24);
INSERT INTO "sealed" VALUES('predictions','ff03e95e19874c0ebe9b356342fff7b2','','',13);
INSERT INTO "sealed" VALUES('predictions','ff244c220a8440fabd958d169cd3c83a','','',13);
INSERT INTO "sealed" VALUES('predictions','ff248627c78740e38bc5c138444723f4','','',13);
INSERT INTO "sealed" VALUES('predictions','ff26891e08c74216926d665b0b024d51','','',13);
INSERT INTO "sealed" VALUES('predictions','ff48f74b29034f89bbdaf99087afa8ff','','',13);
INSERT INTO "sealed" VALUES('predictions','ff4f873b1b1147a895f0383e124ae9e8','','',13);
INSERT INTO "sealed" VALUES('predictions','ff539f540ff44ca597d91ade783d7844','','',13);
INSERT INTO "sealed" VALUES('predictions','ff5b9b2d6719406994d1d25e05f8f127','','',13);
INSERT INTO "sealed" VALUES('predictions','ff611b3252644d8fbfb29fa06b73084e','','',13);
INSERT INTO "sealed" VALUES('predictions','ff68e4b17b3747ea98f97cf8ca6128b8','','',13);
INSERT INTO "sealed" VALUES('predictions','ff6cbae5063a45bf84115524b81834f8','','',13);
INSERT INTO "sealed" VALUES('predictions','ff8a309b46b047148c1247e84c0697e9','','',13);
INSERT INTO "sealed" VALUES('predictions','ffaaa13eec574ef2bf06d8de91a0e535','','',13);
INSERT INTO "sealed" VALUES('predictions','ffad603ce9274093ac43d72f4997278e','','',13);
INSERT INTO "sealed" VALUES('predictions','ffdd312e90e74f08b55af0694b1fcd23','','',13);
INSERT INTO "sealed" VALUES('predictions','ffeac476ce30494cbe33ba49ae7b0574','','',13);
INSERT INTO "sealed" VALUES('predictions','ffee44f1bbbd4c84bf32dc3f76d7b1d9','','',13);
INSERT INTO "sealed" VALUES('predictions','fff4ffcaede54a26b51f2a2ed0550c43','','',13);
INSERT INTO "sealed" VALUES('predictions','fff50afe1e424e419331be8ef89de3a4','','',13);
INSERT INTO "sealed" VALUES('predictions','ffff5c7f2d404b39ba914e91372b03cc','','',13);
INSERT INTO "sealed" VALUES('predictions','late','','',23);
INSERT INTO "sealed" VALUES('transactions','t0','','',12);
INSERT INTO "sealed" VALUES('transactions','t1','','',12);
INSERT INTO "sealed" VALUES('transactions','t10','','',12);
INSERT INTO "sealed" VALUES('transactions','t11','','',12);
INSERT INTO "sealed" VALUES('transactions','t12','','',12);
INSERT INTO "sealed" VALUES('transactions','t13','','',12);
INSERT INTO "sealed" VALUES('transactions','t14','','',12);
INSERT INTO "sealed" VALUES('transactions','t15','','',12);
INSERT INTO "sealed" VALUES('transactions','t16','','',12);
INSERT INTO "sealed" VALUES('transactions','t17','','',12);
INSERT INTO "sealed" VALUES('transactions','t18','','',12);
INSERT INTO "sealed" VALUES('transactions','t19','','',12);
INSERT INTO "sealed" VALUES('transactions','t2','','',12);
INSERT INTO "sealed" VALUES('transactions','t3','','',12);
INSERT INTO "sealed" VALUES('transactions','t4','','',12);
INSERT INTO "sealed" VALUES('transactions','t5','','',12);
INSERT INTO "sealed" VALUES('transactions','t6','','',12);
INSERT INTO "sealed" VALUES('transactions','t7','','',12);
INSERT INTO "sealed" VALUES('transactions','t8','','',12);
INSERT INTO "sealed" VALUES('transactions','t9','','',12);
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
INSERT INTO "transactions" VALUES('t0',1728043200,'c','m',1000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t1',1728043201,'c','m',2000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t2',1728043202,'c','m',3000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t3',1728043203,'c','m',4000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t4',1728043204,'c','m',5000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t5',1728043205,'c','m',6000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t6',1728043206,'c','m',7000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t7',1728043207,'c','m',8000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t8',1728043208,'c','m',9000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t9',1728043209,'c','m',10000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t10',1728043210,'c','m',11000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t11',1728043211,'c','m',12000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t12',1728043212,'c','m',13000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t13',1728043213,'c','m',14000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t14',1728043214,'c','m',15000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t15',1728043215,'c','m',16000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t16',1728043216,'c','m',17000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t17',1728043217,'c','m',18000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t18',1728043218,'c','m',19000,'food','chip',NULL,NULL);
INSERT INTO "transactions" VALUES('t19',1728043219,'c','m',20000,'food','chip',NULL,NULL);
CREATE TABLE users (
	name VARCHAR(200) NOT NULL, 
	role VARCHAR(200) NOT NULL, 
	password VARCHAR(200) NOT NULL, 
	one_time INTEGER NOT NULL, 
	active INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	locked_until FLOAT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "users" VALUES('ann','analyst','x',0,1,0,0.0,1.79567831524249577525e+09);
INSERT INTO "users" VALUES('bob','supervisor','x',0,1,0,0.0,1.79567831524352025988e+09);
INSERT INTO "users" VALUES('cem','auditor','x',0,1,0,0.0,1.79567831524673509595e+09);
CREATE INDEX tx_customer_all ON transactions (customer_id, ts, amount_cents, terminal_id, category, channel, lat_cdeg, lon_cdeg);
CREATE INDEX tx_terminal ON transactions (terminal_id, ts, amount_cents);
CREATE INDEX label_customer ON labels (customer_id, label_ts);
CREATE INDEX label_terminal ON labels (terminal_id, label_ts);
CREATE INDEX prediction_decision ON predictions (decision, ts);
CREATE INDEX prediction_version ON predictions (model_version, ts);
CREATE INDEX prediction_score ON predictions (decision, probability);
CREATE INDEX prediction_time ON predictions (ts);
CREATE INDEX ix_shadow_tx_id ON shadow (tx_id);
CREATE INDEX ix_cases_state ON cases (state);
CREATE INDEX ix_decisions_tx_id ON decisions (tx_id);
CREATE TRIGGER ledger_next BEFORE INSERT ON ledger WHEN NEW.seq <> coalesce((SELECT max(seq) FROM ledger), 0) + 1 OR NEW.previous <> coalesce((SELECT hash FROM ledger ORDER BY seq DESC LIMIT 1), '0000000000000000000000000000000000000000000000000000000000000000') BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an entry follows the last one'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
COMMIT;
