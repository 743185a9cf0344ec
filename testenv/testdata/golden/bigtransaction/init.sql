CREATE DATABASE golden_bigtransaction CHARACTER SET utf8mb4;
USE golden_bigtransaction;
CREATE TABLE digits (d INT NOT NULL PRIMARY KEY);
INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
CREATE TABLE big (id INT NOT NULL PRIMARY KEY, v VARCHAR(100), n DECIMAL(12,3), at DATETIME(6));
CREATE TABLE side (id INT NOT NULL PRIMARY KEY, v INT);
