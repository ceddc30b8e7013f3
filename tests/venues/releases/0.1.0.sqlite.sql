BEGIN TRANSACTION;
CREATE TABLE enrolment_token (
	hash TEXT NOT NULL, 
	venue_id INTEGER NOT NULL, 
	"replace" BOOLEAN NOT NULL, 
	expires_at BIGINT NOT NULL, 
	used_at BIGINT, 
	node_id TEXT, 
	PRIMARY KEY (hash)
);
CREATE TABLE event (
	position INTEGER NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	node TEXT NOT NULL, 
	epoch BIGINT NOT NULL, 
	seq BIGINT NOT NULL, 
	lecture TEXT NOT NULL, 
	venue INTEGER NOT NULL, 
	person TEXT, 
	number TEXT, 
	name TEXT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	method VARCHAR(16) NOT NULL, 
	captured_at BIGINT NOT NULL, 
	monotonic_ms BIGINT NOT NULL, 
	boot_id TEXT NOT NULL, 
	clock_offset_ms BIGINT, 
	clock_uncertainty_ms BIGINT, 
	device TEXT, 
	operator TEXT, 
	supersedes VARCHAR(36), 
	reason TEXT, 
	subject TEXT NOT NULL, 
	content_hash VARCHAR(64) NOT NULL, 
	received_from INTEGER, 
	recorded_at BIGINT NOT NULL, 
	uploaded_at BIGINT, 
	upload_code TEXT, 
	refusals INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (position), 
	UNIQUE (id)
);
INSERT INTO "event" VALUES(1,'01a200fb-517b-746f-8ec2-a3d81173e578','root',1795312800123,1,'01a200fb-517b-7f6a-b1d8-303e61cd86c3',1,'8cd42a6f-81f8-5bd3-b369-0820aa8716c2','A1','张三','check_in','roll_call',1795312800123000,12345,'boot',-3,2,NULL,'王',NULL,NULL,'8cd42a6f-81f8-5bd3-b369-0820aa8716c2','e517387c3063930b736dde6e0cc27bb2b8d6e312e5799ccafb8d2e32cd8d7ab7',NULL,1795312800123456,NULL,NULL,0);
INSERT INTO "event" VALUES(2,'01a200fb-5563-7bcc-8ea6-96762e61e9c9','root',1795312800123,2,'01a200fb-517b-7f6a-b1d8-303e61cd86c3',1,'767cd4ac-b2d6-5419-96dc-2571286675df','B1','王五','check_in','roll_call',1795312801123000,12345,'boot',-3,2,NULL,'王',NULL,NULL,'767cd4ac-b2d6-5419-96dc-2571286675df','5d3d5022f377c3a5bdbac0dacbd29d6ce92018901edffc4adf8bd9511421491b',NULL,1795312801123456,NULL,NULL,0);
INSERT INTO "event" VALUES(3,'01a200fb-594b-7d99-bf35-8c2e0718e47c','root',1795312800123,3,'01a200fb-517b-7f6a-b1d8-303e61cd86c3',1,NULL,NULL,'钱八','check_in','walk_in',1795312802123000,12345,'boot',-3,2,NULL,NULL,NULL,NULL,'01a200fb-594b-7d99-bf35-8c2e0718e47c','b6ac1364467d5a0f77845929416238657348d4312505834ca8710b247ddbc93a',NULL,1795312802123456,NULL,NULL,0);
INSERT INTO "event" VALUES(4,'01a200fb-594b-78c7-8107-e66cb0e4f4d5','root',1795312800123,4,'01a200fb-517b-7f6a-b1d8-303e61cd86c3',1,NULL,NULL,'钱八','undo','roll_call',1795312802123000,12345,'boot',-3,2,NULL,NULL,'01a200fb-594b-7d99-bf35-8c2e0718e47c','点错了','01a200fb-594b-7d99-bf35-8c2e0718e47c','8912c7cde52bde17c9b65c4d1bbe2d997e6d72249f23e07b4276d767370f6d4c',NULL,1795312802123456,NULL,NULL,0);
INSERT INTO "event" VALUES(5,'01890a5d-ac96-774b-bcce-000000000001','node-9',7,1,'01a200fb-517b-7f6a-b1d8-303e61cd86c3',8,'5969943e-4675-5ab0-8266-621a6f173eeb','N1','客1','check_in','roll_call',1795312800123000,1000,'boot',NULL,NULL,NULL,'wang',NULL,NULL,'5969943e-4675-5ab0-8266-621a6f173eeb','3f5cca74ed36b13aefc1589f243b2036e2c7a9836e8848358643f740c5931dad',4,1795312802123456,1795312802123456,NULL,0);
INSERT INTO "event" VALUES(6,'01890a5d-ac96-774b-bcce-000000000002','node-9',7,2,'01a200fb-517b-7f6a-b1d8-303e61cd86c3',8,'36936f37-d9d0-5c75-af9d-a529dd82ea62','N2','客2','check_in','roll_call',1795312800123000,1000,'boot',NULL,NULL,NULL,'wang',NULL,NULL,'36936f37-d9d0-5c75-af9d-a529dd82ea62','15ac35bfa51dd76b27618890030866eb7cd9ac777799b12d33fec4de7e682442',4,1795312802123456,NULL,NULL,0);
INSERT INTO "event" VALUES(7,'01890a5d-ac96-774b-bcce-000000000003','node-9',7,3,'01a200fb-517b-7f6a-b1d8-303e61cd86c3',8,'e02416fa-e0d7-5ac1-8d3d-1cc33b0e087a','N3','客3','check_in','roll_call',1795312800123000,1000,'boot',NULL,NULL,NULL,'wang',NULL,NULL,'e02416fa-e0d7-5ac1-8d3d-1cc33b0e087a','abeeb4a3fe3e800355ebbe15d3e06618c31f36453200c4f33f82bad5f5fc511c',4,1795312802123456,NULL,NULL,0);
INSERT INTO "event" VALUES(8,'01890a5d-ac96-774b-bcce-000000000005','node-9',7,5,'01a200fb-517b-7f6a-b1d8-303e61cd86c3',8,'7b4bed8e-aea3-53c4-8021-5e1e70932d26','N5','客5','check_in','roll_call',1795312800123000,1000,'boot',NULL,NULL,NULL,'wang',NULL,NULL,'7b4bed8e-aea3-53c4-8021-5e1e70932d26','2b7f4cf9508d091d85be13f510d80be23a08cdf5e984f33658bc7ea407c8a1ad',4,1795312802123456,NULL,NULL,0);
CREATE TABLE lecture (
	id VARCHAR(36) NOT NULL, 
	title TEXT NOT NULL, 
	venue_id INTEGER NOT NULL, 
	starts_at BIGINT, 
	state VARCHAR(16) NOT NULL, 
	started_at BIGINT, 
	ended_at BIGINT, 
	local BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "lecture" VALUES('01a200fb-517b-7f6a-b1d8-303e61cd86c3','民法典',1,NULL,'live',1795312800123000,NULL,1);
CREATE TABLE meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('tree_version','1b2f680785e08293');
INSERT INTO "meta" VALUES('attendance.people.stamp','f5b165224a58b791');
INSERT INTO "meta" VALUES('attendance.lectures.stamp','89eb2f1e7bd5d47e');
INSERT INTO "meta" VALUES('attendance.epoch','1795312800123');
CREATE TABLE node (
	id TEXT NOT NULL, 
	venue_id INTEGER NOT NULL, 
	public_key TEXT NOT NULL, 
	enrolled_at BIGINT NOT NULL, 
	revoked_at BIGINT, 
	own BOOLEAN NOT NULL, 
	revision BIGINT NOT NULL, 
	below_revision BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE node_status (
	venue_id INTEGER NOT NULL, 
	presence TEXT NOT NULL, 
	since BIGINT NOT NULL, 
	last_seen BIGINT NOT NULL, 
	report TEXT, 
	revision BIGINT NOT NULL, 
	direct BOOLEAN NOT NULL, 
	below_revision BIGINT NOT NULL, 
	PRIMARY KEY (venue_id)
);
CREATE TABLE person (
	id VARCHAR(36) NOT NULL, 
	number TEXT NOT NULL, 
	name TEXT NOT NULL, 
	home_id INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (number)
);
INSERT INTO "person" VALUES('8cd42a6f-81f8-5bd3-b369-0820aa8716c2','A1','张三',8);
INSERT INTO "person" VALUES('7018d7b5-c179-5578-bf15-e995a225e806','A2','李四',8);
INSERT INTO "person" VALUES('42e078fb-7788-5dc9-a16f-108002ac39fb','A3','阿依·古丽',8);
INSERT INTO "person" VALUES('767cd4ac-b2d6-5419-96dc-2571286675df','B1','王五',9);
INSERT INTO "person" VALUES('e7779296-734d-5f9c-8990-65f7119e0360','C1','赵六',10);
INSERT INTO "person" VALUES('cbcdc609-6a75-50fb-b55c-372fc8e885c2','D1','孙七',1);
CREATE TABLE presence (
	lecture_id TEXT NOT NULL, 
	person_id TEXT NOT NULL, 
	venue_id INTEGER NOT NULL, 
	number TEXT, 
	name TEXT NOT NULL, 
	first_at BIGINT NOT NULL, 
	event_id VARCHAR(36) NOT NULL, 
	methods TEXT NOT NULL, 
	other_venue BOOLEAN NOT NULL, 
	l1 INTEGER, 
	l2 INTEGER, 
	l3 INTEGER, 
	l4 INTEGER, 
	l5 INTEGER, 
	PRIMARY KEY (lecture_id, person_id)
);
INSERT INTO "presence" VALUES('01a200fb-517b-7f6a-b1d8-303e61cd86c3','8cd42a6f-81f8-5bd3-b369-0820aa8716c2',1,'A1','张三',1795312800123000,'01a200fb-517b-746f-8ec2-a3d81173e578','roll_call',0,1,NULL,NULL,NULL,NULL);
INSERT INTO "presence" VALUES('01a200fb-517b-7f6a-b1d8-303e61cd86c3','767cd4ac-b2d6-5419-96dc-2571286675df',1,'B1','王五',1795312801123000,'01a200fb-5563-7bcc-8ea6-96762e61e9c9','roll_call',0,1,NULL,NULL,NULL,NULL);
INSERT INTO "presence" VALUES('01a200fb-517b-7f6a-b1d8-303e61cd86c3','36936f37-d9d0-5c75-af9d-a529dd82ea62',8,'N2','客2',1795312800123000,'01890a5d-ac96-774b-bcce-000000000002','roll_call',0,1,2,4,6,8);
INSERT INTO "presence" VALUES('01a200fb-517b-7f6a-b1d8-303e61cd86c3','5969943e-4675-5ab0-8266-621a6f173eeb',8,'N1','客1',1795312800123000,'01890a5d-ac96-774b-bcce-000000000001','roll_call',0,1,2,4,6,8);
INSERT INTO "presence" VALUES('01a200fb-517b-7f6a-b1d8-303e61cd86c3','7b4bed8e-aea3-53c4-8021-5e1e70932d26',8,'N5','客5',1795312800123000,'01890a5d-ac96-774b-bcce-000000000005','roll_call',0,1,2,4,6,8);
INSERT INTO "presence" VALUES('01a200fb-517b-7f6a-b1d8-303e61cd86c3','e02416fa-e0d7-5ac1-8d3d-1cc33b0e087a',8,'N3','客3',1795312800123000,'01890a5d-ac96-774b-bcce-000000000003','roll_call',0,1,2,4,6,8);
CREATE TABLE quarantine (
	hash VARCHAR(64) NOT NULL, 
	received_from INTEGER NOT NULL, 
	event_id TEXT, 
	code TEXT NOT NULL, 
	raw TEXT NOT NULL, 
	received_at BIGINT NOT NULL, 
	PRIMARY KEY (hash)
);
INSERT INTO "quarantine" VALUES('2f87d1f707a51d8aaf57bd9114fe84790c971040709402f206d77808f687c20f',4,'01890a5d-ac96-774b-bcce-000000000006','event_field_unknown','{"boot_id": "boot", "captured_at": "2026-11-22T02:00:00.123Z", "clock_offset_ms": null, "clock_uncertainty_ms": null, "data": {"people": 8}, "device": null, "epoch": 7, "id": "01890a5d-ac96-774b-bcce-000000000006", "kind": "headcount", "lecture": "01a200fb-517b-7f6a-b1d8-303e61cd86c3", "method": "roll_call", "monotonic_ms": 1000, "name": "", "node": "node-9", "number": null, "operator": "wang", "person": null, "reason": null, "seq": 6, "supersedes": null, "venue": 8}',1795312802123456);
INSERT INTO "quarantine" VALUES('25303f17f937d2b7839d958ed106da9104d9ed425578a4406dd7f53605eab924',4,NULL,'event_not_object','null',1795312802123456);
CREATE TABLE token (
	hash TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	venue_id INTEGER NOT NULL, 
	lecture_id TEXT, 
	expires_at BIGINT NOT NULL, 
	revoked_at BIGINT, 
	PRIMARY KEY (hash)
);
CREATE TABLE user_account (
	name_key VARCHAR(200) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	role VARCHAR(20) NOT NULL, 
	venue_id BIGINT NOT NULL, 
	password_hash TEXT NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	origin VARCHAR(10) NOT NULL, 
	PRIMARY KEY (name_key)
);
CREATE TABLE venue (
	id INTEGER NOT NULL, 
	code TEXT NOT NULL, 
	name TEXT NOT NULL, 
	level SMALLINT NOT NULL, 
	parent_id INTEGER, 
	PRIMARY KEY (id), 
	UNIQUE (code)
);
INSERT INTO "venue" VALUES(1,'P','P名',0,NULL);
INSERT INTO "venue" VALUES(2,'C1','C1名',1,1);
INSERT INTO "venue" VALUES(3,'C2','C2名',1,1);
INSERT INTO "venue" VALUES(4,'K1','K1名',2,2);
INSERT INTO "venue" VALUES(5,'K9','K9名',2,1);
INSERT INTO "venue" VALUES(6,'T1','T1名',3,4);
INSERT INTO "venue" VALUES(7,'T2','T2名',3,5);
INSERT INTO "venue" VALUES(8,'V1','V1名',4,6);
INSERT INTO "venue" VALUES(9,'V2','V2名',4,6);
INSERT INTO "venue" VALUES(10,'V3','V3名',4,7);
CREATE TABLE venue_closure (
	ancestor INTEGER NOT NULL, 
	descendant INTEGER NOT NULL, 
	depth SMALLINT NOT NULL, 
	PRIMARY KEY (ancestor, descendant)
);
INSERT INTO "venue_closure" VALUES(1,1,0);
INSERT INTO "venue_closure" VALUES(2,2,0);
INSERT INTO "venue_closure" VALUES(3,3,0);
INSERT INTO "venue_closure" VALUES(5,5,0);
INSERT INTO "venue_closure" VALUES(4,4,0);
INSERT INTO "venue_closure" VALUES(6,6,0);
INSERT INTO "venue_closure" VALUES(7,7,0);
INSERT INTO "venue_closure" VALUES(8,8,0);
INSERT INTO "venue_closure" VALUES(9,9,0);
INSERT INTO "venue_closure" VALUES(10,10,0);
INSERT INTO "venue_closure" VALUES(1,2,1);
INSERT INTO "venue_closure" VALUES(1,3,1);
INSERT INTO "venue_closure" VALUES(1,5,1);
INSERT INTO "venue_closure" VALUES(2,4,1);
INSERT INTO "venue_closure" VALUES(4,6,1);
INSERT INTO "venue_closure" VALUES(5,7,1);
INSERT INTO "venue_closure" VALUES(6,8,1);
INSERT INTO "venue_closure" VALUES(6,9,1);
INSERT INTO "venue_closure" VALUES(7,10,1);
INSERT INTO "venue_closure" VALUES(1,4,2);
INSERT INTO "venue_closure" VALUES(2,6,2);
INSERT INTO "venue_closure" VALUES(1,7,2);
INSERT INTO "venue_closure" VALUES(4,8,2);
INSERT INTO "venue_closure" VALUES(4,9,2);
INSERT INTO "venue_closure" VALUES(5,10,2);
INSERT INTO "venue_closure" VALUES(1,6,3);
INSERT INTO "venue_closure" VALUES(2,8,3);
INSERT INTO "venue_closure" VALUES(2,9,3);
INSERT INTO "venue_closure" VALUES(1,10,3);
INSERT INTO "venue_closure" VALUES(1,8,4);
INSERT INTO "venue_closure" VALUES(1,9,4);
CREATE INDEX ix_venue_parent_id ON venue (parent_id);
CREATE INDEX venue_closure_up ON venue_closure (descendant, depth);
CREATE INDEX ix_node_revision ON node (revision);
CREATE INDEX ix_node_venue_id ON node (venue_id);
CREATE INDEX ix_token_expires_at ON token (expires_at);
CREATE INDEX token_subject ON token (kind, subject);
CREATE INDEX ix_node_status_revision ON node_status (revision);
CREATE INDEX ix_person_home_id ON person (home_id);
CREATE INDEX event_by_venue ON event (lecture, venue);
CREATE INDEX event_outbox ON event (refusals, position) WHERE uploaded_at IS NULL;
CREATE UNIQUE INDEX event_own_sequence ON event (node, epoch, seq) WHERE received_from IS NULL;
CREATE INDEX event_by_subject ON event (lecture, subject);
CREATE INDEX presence_by_level ON presence (lecture_id, l1, l2, l3, l4, l5, person_id);
CREATE INDEX presence_by_time ON presence (lecture_id, first_at);
CREATE INDEX ix_user_account_venue_id ON user_account (venue_id);
COMMIT;
