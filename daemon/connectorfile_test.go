package daemon

import "testing"

// FuzzConnectorFile looks for panics, and for connectors without a name.
func FuzzConnectorFile(f *testing.F) {
	f.Add([]byte("name=a\nconnector.class=X\n"))
	f.Add([]byte(`{"name":"a","connector.class":"X","tasks.max":1}`))
	f.Add([]byte(`{"name":"a","config":{"connector.class":"X"},"initial_state":"paused","extra":[1,{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConnectorFile("f", data)
		if err == nil && (c.name == "" || c.config["name"] != c.name) {
			t.Fatalf("%q gives %+v", data, c)
		}
	})
}
