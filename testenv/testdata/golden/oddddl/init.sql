CREATE DATABASE golden_odd CHARACTER SET latin1;
USE golden_odd;
CREATE TABLE parent (id INT PRIMARY KEY, `order` INT, `select` VARCHAR(5) DEFAULT 'x');
CREATE TABLE child (id SERIAL, pid INT NOT NULL, KEY k (pid), CONSTRAINT fk FOREIGN KEY (pid) REFERENCES parent(id) ON DELETE CASCADE) ;
CREATE TABLE fx (id INT PRIMARY KEY, j JSON, a INT, KEY fi ((a + 1)), KEY mv ((CAST(j->'$.z' AS UNSIGNED ARRAY))));
INSERT INTO parent VALUES (1, 2, 'y');
