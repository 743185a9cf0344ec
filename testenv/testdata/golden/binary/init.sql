CREATE DATABASE golden_binary CHARACTER SET utf8mb4;
USE golden_binary;
CREATE TABLE blobs (
  id INT NOT NULL PRIMARY KEY,
  b BINARY(8), vb VARBINARY(40), tb TINYBLOB, bl BLOB, mb MEDIUMBLOB, lb LONGBLOB, j JSON,
  g GEOMETRY, p POINT, ls LINESTRING, pg POLYGON, mp MULTIPOINT, gc GEOMETRYCOLLECTION, ps POINT SRID 4326, vec VECTOR(3)
);
INSERT INTO blobs VALUES
 (1, 'abc', x'00ff10', 'tiny', 'blob', 'medium', x'DEADBEEF',
  '{"b": 1, "aa": [1, 2.5, -3, true, false, null, "x"], "c": {"nested": {"deep": "yes"}}, "e": "\\"q\\" \\\\ / ü 😀"}',
  ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('POINT(-1.5 2.25)'), ST_GeomFromText('LINESTRING(0 0, 1 1, 2 4)'),
  ST_GeomFromText('POLYGON((0 0, 4 0, 4 4, 0 4, 0 0))'), ST_GeomFromText('MULTIPOINT((0 0), (1 1))'),
  ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 1 1))'), ST_GeomFromText('POINT(50 8)', 4326), STRING_TO_VECTOR('[1.5,-2,0.1]')),
 (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (3, '', '', '', '', '', '', '[]', ST_GeomFromText('LINESTRING(0 0, 1 1)'), ST_GeomFromText('POINT(0 0)'), NULL, NULL, NULL, ST_GeomFromText('GEOMETRYCOLLECTION EMPTY'), NULL, NULL),
 (4, x'0001020304050607', REPEAT(x'00', 40), x'00', x'FF', REPEAT('m', 70000), REPEAT('l', 1000), '"just text"', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (5, 'x', 'y', 'z', '', '', '', '{"i8": 127, "i16": -32768, "i32": 2147483647, "i64": -9223372036854775808, "u64": 18446744073709551615, "d": 1.0, "e": 1e100, "small": 1e-10, "pi": 3.141592653589793, "neg": -0.5, "big": 12345678901234567890123}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (6, 'x', 'y', 'z', '', '', '', JSON_OBJECT('dt', CAST('2026-05-01 10:11:12.345000' AS DATETIME(6)), 'd', CAST('2026-05-01' AS DATE), 't', CAST('10:11:12' AS TIME), 'dec', CAST('12345.678900' AS DECIMAL(20,6)), 'bin', CAST('ab' AS BINARY)), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
