package daemon

import (
	"crypto/subtle"
	"fmt"
	"os"
	"strings"

	"github.com/anabranch/anabranch/configs"
	"github.com/anabranch/anabranch/configs/kafkaprops"
	"github.com/anabranch/anabranch/daemon/rest"
)

const (
	// loginConfigKey names a JAAS login file, as the JVM's system property of that name does.
	loginConfigKey   = "java.security.auth.login.config"
	restLogin        = "KafkaConnect"
	clientLogin      = "KafkaClient"
	propertyFileEnds = "PropertyFileLoginModule"
)

// loginFile finds the JAAS login file: the key in the worker file, else the flag in one of the
// environment variables with which Kafka's scripts pass flags to the JVM.
func loginFile(w *configs.Worker) string {
	if path := strings.TrimSpace(w.Raw[loginConfigKey]); path != "" {
		return path
	}
	for _, env := range []string{"KAFKA_OPTS", "EXTRA_ARGS", "JAVA_TOOL_OPTIONS"} {
		for _, flag := range strings.Fields(os.Getenv(env)) {
			if path, ok := strings.CutPrefix(strings.Trim(flag, `"'`), "-D"+loginConfigKey+"="); ok {
				return strings.Trim(path, `"'`)
			}
		}
	}
	return ""
}

// readLogins reads that file; without one there are none.
func readLogins(w *configs.Worker) (map[string][]kafkaprops.LoginModule, error) {
	path := loginFile(w)
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read login file (%s): %w", loginConfigKey, err)
	}
	logins, err := kafkaprops.ParseJAASFile(string(data))
	if err != nil {
		return nil, fmt.Errorf("read login file %s: %w", path, err)
	}
	return logins, nil
}

// addClientLogin gives clients without a sasl.jaas.config the entry KafkaClient of the login
// file, as Java's clients take it.
func addClientLogin(w *configs.Worker, logins map[string][]kafkaprops.LoginModule) {
	modules := logins[clientLogin]
	if len(modules) != 1 {
		return
	}
	for _, prefix := range []string{"", "producer.", "consumer.", "admin."} {
		protocol := strings.ToUpper(w.Raw[prefix+kafkaprops.SecurityProtocol])
		if _, given := w.Raw[prefix+kafkaprops.SASLJAASConfig]; !given && strings.HasPrefix(protocol, "SASL_") {
			w.Raw[prefix+kafkaprops.SASLJAASConfig] = modules[0].Text()
		}
	}
}

// authenticator is the basic auth extension: users of the property files that the login file
// names (CW-14); nil if the worker does not ask for it.
func authenticator(w *configs.Worker, logins map[string][]kafkaprops.LoginModule) (rest.Authenticator, error) {
	if !w.BasicAuth {
		return nil, nil
	}
	modules := logins[restLogin]
	if len(modules) == 0 {
		return nil, fmt.Errorf("the basic auth extension needs the entry %s in a login file: set %s in the worker file, or KAFKA_OPTS=-D%s=FILE in the environment",
			restLogin, loginConfigKey, loginConfigKey)
	}
	var files []map[string]string
	for _, m := range modules {
		if !strings.HasSuffix(m.Module, propertyFileEnds) {
			return nil, fmt.Errorf("login module %s of %s: Java classes cannot be loaded; use %s", m.Module, restLogin, propertyFileEnds)
		}
		path := m.Options["file"]
		if strings.TrimSpace(path) == "" {
			return nil, fmt.Errorf("login module of %s: Property Credentials file must be specified", restLogin)
		}
		users, err := configs.LoadProperties(path)
		if err != nil {
			return nil, fmt.Errorf("login module of %s: %w", restLogin, err)
		}
		files = append(files, users)
	}
	return func(user, password string, ok bool) bool {
		for _, users := range files {
			if len(users) == 0 { // an empty file lets everybody in
				return true
			}
			want, known := users[user]
			if ok && known && subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1 {
				return true
			}
		}
		return false
	}, nil
}
