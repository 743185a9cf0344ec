package mysql

import (
	"github.com/anabranch/anabranch/configs"
)

// connectionKeys are the keys of the group that carries the connector's name (DM-105, DM-106, DM-110).
func connectionKeys() []configs.Key {
	return []configs.Key{
		{Name: "topic.prefix", Type: configs.StringType, Importance: configs.High, Group: groupMySQL, Order: 1, Width: "MEDIUM", Display: "Topic prefix", Check: topicPart,
			Doc: "Name of this source: it begins every topic name and stands in every event."},
		{Name: "database.hostname", Type: configs.StringType, Importance: configs.High, Group: groupMySQL, Order: 2, Width: "MEDIUM", Display: "Hostname",
			Doc: "Host name or address of the MySQL server."},
		{Name: "database.port", Type: configs.IntType, Default: "3306", HasDefault: true, Importance: configs.High, Group: groupMySQL, Order: 3, Width: "SHORT", Display: "Port",
			Doc: "Port of the MySQL server."},
		{Name: "database.user", Type: configs.StringType, Importance: configs.High, Group: groupMySQL, Order: 4, Width: "SHORT", Display: "User",
			Doc: "User to connect as; it needs SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE and REPLICATION CLIENT."},
		{Name: "database.password", Type: configs.PasswordType, Importance: configs.High, Group: groupMySQL, Order: 5, Width: "SHORT", Display: "Password",
			Doc: "Password of the user."},
		{Name: "database.query.timeout.ms", Type: configs.IntType, Default: "600000", HasDefault: true, Importance: configs.Low, Group: groupMySQL, Order: 6, Display: "Query timeout",
			Doc: "How long a query may take, in milliseconds; 0 waits for ever."},
		{Name: "database.initial.statements", Type: configs.StringType, Importance: configs.Low, Group: groupMySQL, Order: 7, Width: "LONG", Display: "Initial statements",
			Doc: "SQL to run on each new query connection, separated by semicolons; two semicolons stand for one."},
		{Name: "database.server.id", Type: configs.LongType, Importance: configs.High, Group: groupMySQL, Order: 8, Width: "LONG", Display: "Cluster ID", Check: serverID,
			Doc: "Server id under which the connector reads the binlog; no other replica may use it."},
		{Name: "database.server.id.offset", Type: configs.LongType, Default: "10000", HasDefault: true, Importance: configs.High, Group: groupMySQL, Order: 9, Width: "LONG", Display: "Cluster ID offset", NoEffect: "nothing reads it in Debezium either",
			Doc: "Distance between the server ids of parallel readers."},
		{Name: "database.ssl.keystore", Type: configs.StringType, Importance: configs.Medium, Group: groupMySQL, Order: 10, Width: "LONG", Display: "SSL Keystore", Refuse: refuseStore,
			Doc: "File with the client certificate and its key, in PEM form."},
		{Name: "database.ssl.keystore.password", Type: configs.PasswordType, Importance: configs.Medium, Group: groupMySQL, Order: 11, Width: "MEDIUM", Display: "SSL Keystore Password", NoEffect: "PEM files have none",
			Doc: "Password of the key store."},
		{Name: "database.ssl.truststore", Type: configs.StringType, Importance: configs.Medium, Group: groupMySQL, Order: 12, Width: "LONG", Display: "SSL Truststore", Refuse: refuseStore,
			Doc: "File with the certificates to trust, in PEM form."},
		{Name: "database.ssl.truststore.password", Type: configs.PasswordType, Importance: configs.Medium, Group: groupMySQL, Order: 13, Width: "MEDIUM", Display: "SSL Truststore Password", NoEffect: "PEM files have none",
			Doc: "Password of the trust store."},
		{Name: "database.jdbc.driver", Type: configs.ClassType, Default: "com.mysql.cj.jdbc.Driver", HasDefault: true, Importance: configs.Low, Group: groupMySQL, Order: 14, Width: "MEDIUM", Display: "JDBC Driver Class Name", NoEffect: "no JDBC driver is used here",
			Doc: "Class of the JDBC driver of the Java connector."},
		{Name: "database.protocol", Type: configs.StringType, Default: "jdbc:mysql", HasDefault: true, Importance: configs.Low, Group: groupMySQL, Order: 15, Width: "MEDIUM", Display: "JDBC Protocol", NoEffect: "no JDBC driver is used here",
			Doc: "JDBC protocol of the Java connector."},
		{Name: "database.ssl.mode", Type: configs.StringType, Default: "preferred", HasDefault: true, Importance: configs.Medium, Group: groupMySQL, Order: 16, Width: "MEDIUM", Display: "SSL mode", OneOf: []string{"disabled", "preferred", "required", "verify_ca", "verify_identity"},
			Doc: "How the connection is encrypted: disabled, preferred, required, verify_ca or verify_identity."},
	}
}
