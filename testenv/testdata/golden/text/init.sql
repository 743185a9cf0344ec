CREATE DATABASE golden_text CHARACTER SET latin1;
USE golden_text;
CREATE TABLE words (
  id INT NOT NULL,
  c CHAR(10), v VARCHAR(200), u VARCHAR(100) CHARACTER SET utf8mb4, u3 VARCHAR(100) CHARACTER SET utf8mb3,
  ucs VARCHAR(50) CHARACTER SET ucs2, u16 VARCHAR(50) CHARACTER SET utf16, u32 VARCHAR(50) CHARACTER SET utf32,
  gbk VARCHAR(50) CHARACTER SET gbk, sjis VARCHAR(50) CHARACTER SET sjis, big5 VARCHAR(50) CHARACTER SET big5,
  euckr VARCHAR(50) CHARACTER SET euckr, greek VARCHAR(50) CHARACTER SET greek, cyr VARCHAR(50) CHARACTER SET cp1251,
  heb VARCHAR(50) CHARACTER SET hebrew, asc7 VARCHAR(50) CHARACTER SET ascii, l2 VARCHAR(50) CHARACTER SET latin2,
  tt TINYTEXT, tx TEXT, mt MEDIUMTEXT, lt LONGTEXT CHARACTER SET utf8mb4, n NVARCHAR(20), bin VARCHAR(20) BINARY,
  e ENUM('small','medium','x,y','it''s') CHARACTER SET utf8mb4, s SET('a','b','c d'),
  PRIMARY KEY (id)
) CHARACTER SET latin1;
INSERT INTO words VALUES
 (1, 'abc', 'grüße €', 'emoji 😀 ok', 'żółw', '漢字', '漢字😀', '漢字😀', '中文', '日本語', '中文', '한국어', 'αβγ', 'привет', 'שלום', 'plain', 'čšž',
  'tiny', 'text "quoted" \\ back', 'line\nbreak\ttab', 'long 😀', 'nat', 'Bin', 'medium', 'a,c d'),
 (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (3, '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', 'x,y', ''),
 (4, 'pad  ', 'ÿ', 'a\0b\r\f\b', 'ß', 'é', 'é', 'é', 'é', 'ｱ', 'a', 'a', 'Ω', 'Я', 'א', '~', 'ő', '<>&', '/', '\'', '"', 'n', 'b', 'it''s', 'a,b,c d');
