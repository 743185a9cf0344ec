// Package testenv starts and finds the real servers that tests need: Kafka, Kafka
// Connect with Debezium, MySQL, PostgreSQL, a schema registry, Prometheus. It also holds the validators
// that judge what arrived.
//
//	func TestSomething(t *testing.T) {
//		k := testenv.Kafka(t)                  // shared: started once, used by all
//		name, db := testenv.MySQL(t).Database(t) // a database of this test's own
//		...
//		own := testenv.PrivateMySQL(t)         // may be stopped, killed, paused
//		own.Kill(t)
//		own.Start(t)
//	}
//
// The plain calls ([Kafka], [Connect], [MySQL], [Postgres], [Registry]) return servers that all test
// processes of this user share. They stay after the tests; "go run ./testenv/cmd/parts"
// lists and ends them. Tests keep apart by names: [KafkaServer.TopicPrefix],
// [MySQLServer.Database], [PostgresServer.Database]. The Private and With calls start a
// server for one test, which is ended and erased with it, or by the next test run if
// the test process was killed.
//
// A part that cannot be had here skips the test and says why. With CI=true or
// ANABRANCH_TESTENV_REQUIRE=1 it fails the test instead, and missing system packages are
// installed. A part that is there but does not start is always a failure; the message
// ends with the server's log.
//
// Where a Docker engine answers, the servers are containers of the same versions
// (ANABRANCH_TESTENV_MODE=native or docker overrides); Connect is native always. That
// way was not run on the machines this project is built on, see docker.go.
//
// What it deliberately does not do: no mocks, no sleeping instead of asking, no reuse of
// servers it did not start, no use outside tests.
package testenv
