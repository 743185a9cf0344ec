CREATE TABLE seed (id INT PRIMARY KEY);
-- ROWS
INSERT INTO seed VALUES (1);
-- STREAM
-- Not here: FLOAT SIGNED, whose values Debezium turns into null, and FLOAT4 with a default, which stops it.
CREATE TABLE spellings (
  id INTEGER PRIMARY KEY, b BOOLEAN, bo BOOL DEFAULT TRUE, bn BOOL NOT NULL DEFAULT 0, i1 INT1, i1u INT1 UNSIGNED, i2 INT2, i2u INT2 UNSIGNED, i3 INT3, i3u INT3 UNSIGNED, i4 INT4, i4u INT4 UNSIGNED, i8 INT8, i8u INT8 UNSIGNED,
  mi MIDDLEINT, miu MIDDLEINT UNSIGNED, it INTEGER UNSIGNED, isg INT SIGNED, tz TINYINT ZEROFILL, sz SMALLINT(5) ZEROFILL, bz BIGINT ZEROFILL, t1 TINYINT(1), t1u TINYINT(1) UNSIGNED DEFAULT 1,
  de DEC, de2 DEC(7,2), nu NUMERIC(8,3) DEFAULT 1.0005, fi FIXED(6,1), dz DECIMAL(8,2) ZEROFILL, re REAL, dp DOUBLE PRECISION, f8 FLOAT8, f24 FLOAT(24), f25 FLOAT(25), fz FLOAT ZEROFILL,
  ch CHAR, chv CHARACTER VARYING(20), cha CHARACTER(3), nch NATIONAL CHAR(3), nvc NATIONAL VARCHAR(9), nv NVARCHAR(9), nc NCHAR(2), lo LONG, lv LONG VARCHAR, lvb LONG VARBINARY, chb CHAR(4) BINARY, tb TEXT BINARY, t10 TEXT(10),
  bi BIT, bit1 BIT(1), b9 BIT(9), bin BINARY, vbn VARBINARY(3), y YEAR, y4 YEAR(4), ser BIGINT UNSIGNED, j JSON, g GEOMETRY, gc GEOMCOLLECTION, ve VECTOR(2), col VARCHAR(9) COLLATE latin1_swedish_ci, dtp DATETIME(0), tp TIME(0), tsp TIMESTAMP(0) NULL,
  cmt INT COMMENT 'c', blb BLOB(3), en ENUM('x',"y",'z') CHARACTER SET latin1, se SET ('a' , 'b')
);
CREATE TABLE serials (id SERIAL, v INT);
CREATE TABLE latin (id INT PRIMARY KEY, v VARCHAR(20), t TEXT) CHARACTER SET latin1;
ALTER TABLE latin ADD COLUMN w VARCHAR(20), ADD COLUMN u VARCHAR(20) CHARACTER SET utf8mb4;
CREATE TABLE uniq (a INT NOT NULL, b VARCHAR(10) NOT NULL, c INT, UNIQUE KEY (b, a));
INSERT INTO spellings (id) VALUES (1);
INSERT INTO spellings (id, b, bo, bn, i1, i1u, i2, i2u, i3, i3u, i4, i4u, i8, i8u, mi, miu, it, isg, tz, sz, bz, t1, t1u, de, de2, nu, fi, dz, re, dp, f8, f24, f25, fz, ch, chv, cha, nch, nvc, nv, nc, lo, lv, lvb, chb, tb, t10, bi, bit1, b9, bin, vbn, y, y4, ser, j, g, gc, ve, col, dtp, tp, tsp, cmt, blb, en, se)
 VALUES (2, TRUE, FALSE, 5, -1, 255, -2, 65535, -3, 16777215, -4, 4294967295, -8, 18446744073709551615, -3, 16777215, 4294967295, -1, 200, 60000, 18446744073709551615, -7, 200, -5, -5.25, 1.125, 9.9, 1.5, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 'x', 'yy', 'zzz', 'ä', 'ö', 'ü', 'ß', 'long', 'lv', 'lvb', 'bb', 'tb', 't10', 1, 1, b'100000001', 'b', 'v', 2000, 1999, 1, '{"a": 1}', ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('GEOMETRYCOLLECTION EMPTY'), TO_VECTOR('[1,2]'), 'é', '2024-01-01 00:00:00', '-01:00:00', '2024-01-01 00:00:00', 1, 'bl', 'y', 'a,b');
INSERT INTO serials (v) VALUES (1);
INSERT INTO latin VALUES (1, 'é€', 'ü', 'ñ', '漢');
INSERT INTO uniq VALUES (1, 'b', NULL);
