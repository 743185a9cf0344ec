package avro

import "github.com/anabranch/anabranch/records"

// TextOf is the Avro schema of a Connect schema as it is registered, for tests.
func TextOf(c *Converter, s *records.Schema) (string, error) {
	a, err := c.fromConnect(s)
	if err != nil {
		return "", err
	}
	return a.text()
}
