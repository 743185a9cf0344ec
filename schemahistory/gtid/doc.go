// Package gtid is the algebra of MySQL's GTID sets: parsing, union, difference, containment
// and printing, with the tags of MySQL 8.3 and newer (DM-118). It is plain computation on
// intervals; it knows no server. MariaDB's domain-server-sequence lists live in [MariaDB].
package gtid
