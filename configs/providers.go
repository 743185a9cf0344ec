package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"

	"github.com/anabranch/anabranch/configs/javaregex"
)

// Keys of the provider set in the worker file (CW-94).
const (
	ProvidersKey    = "config.providers"
	providersPrefix = "config.providers."
)

// Provider resolves the keys of one path: ${alias:path:key} (CW-120). A key that it does
// not know is absent from the result.
type Provider interface {
	Get(path string, keys []string) (map[string]string, error)
}

// Providers is the provider set of a worker: alias to provider. The zero value resolves nothing.
type Providers struct {
	byAlias map[string]Provider

	mu       sync.Mutex        // guards the fields below
	resolved map[string]string // value to the variable that it came from
	scrubber *strings.Replacer // nil: to be made anew
}

const (
	// shortestSecret is the least length of a value that Scrub looks for: shorter ones are parts of
	// common words.
	shortestSecret = 6
	// maxRemembered bounds the values that Scrub knows.
	maxRemembered = 16384
)

// remember keeps a resolved value for Scrub.
func (ps *Providers) remember(value, variable string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, v := range []string{value, trim(value)} {
		if len(v) < shortestSecret {
			continue
		}
		if _, known := ps.resolved[v]; known {
			continue
		}
		if ps.resolved == nil {
			ps.resolved = map[string]string{}
		}
		if len(ps.resolved) >= maxRemembered {
			for old := range ps.resolved { // any
				delete(ps.resolved, old)
				break
			}
		}
		ps.resolved[v], ps.scrubber = variable, nil
	}
}

// Scrub puts the variables back in place of every value that a provider has given, for logs,
// traces and answers: errors of servers and libraries can repeat what they were told.
func (ps *Providers) Scrub(text string) string {
	if ps == nil || text == "" {
		return text
	}
	ps.mu.Lock()
	if ps.scrubber == nil {
		values := make([]string, 0, len(ps.resolved))
		for v := range ps.resolved {
			values = append(values, v)
		}
		// At one place the replacer takes the first that fits: the longest must come first.
		sort.Slice(values, func(i, j int) bool { return len(values[i]) > len(values[j]) })
		pairs := make([]string, 0, 2*len(values))
		for _, v := range values {
			pairs = append(pairs, v, ps.resolved[v])
		}
		ps.scrubber = strings.NewReplacer(pairs...)
	}
	r := ps.scrubber
	ps.mu.Unlock()
	return r.Replace(text)
}

var variable = regexp.MustCompile(`\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}`)

// NewProviders makes the provider set that a worker configuration asks for (CW-94). A class
// that we do not have is an error: the variables would silently stay text otherwise (CW-127).
func NewProviders(worker map[string]string) (*Providers, error) {
	ps := &Providers{byAlias: map[string]Provider{}}
	for _, alias := range SplitList(worker[ProvidersKey]) {
		prefix := providersPrefix + alias + "."
		class := trim(worker[prefix+"class"])
		params := map[string]string{}
		for k, v := range worker {
			if strings.HasPrefix(k, prefix+"param.") {
				params[k[len(prefix+"param."):]] = v
			}
		}
		switch class {
		case "org.apache.kafka.common.config.provider.FileConfigProvider":
			paths, err := allowed(prefix, params)
			if err != nil {
				return nil, err
			}
			ps.byAlias[alias] = fileProvider{paths}
		case "org.apache.kafka.common.config.provider.DirectoryConfigProvider":
			paths, err := allowed(prefix, params)
			if err != nil {
				return nil, err
			}
			ps.byAlias[alias] = directoryProvider{paths}
		case "org.apache.kafka.common.config.provider.EnvVarConfigProvider":
			p := envProvider{}
			if pattern, ok := params["allowlist.pattern"]; ok {
				re, err := javaregex.Compile(trim(pattern), false)
				if err != nil {
					return nil, invalid(prefix+"param.allowlist.pattern", pattern, err.Error())
				}
				p.allow = re
			}
			ps.byAlias[alias] = p
		case "": // Connect does without a provider that has no class; its variables stay text
		default:
			return nil, invalid(prefix+"class", class, "this provider is not available here; use the File, Directory or EnvVarConfigProvider of Kafka")
		}
	}
	return ps, nil
}

// HasVariable reports whether a value holds a variable of one of these providers.
func (ps *Providers) HasVariable(value string) bool {
	if ps == nil {
		return false
	}
	for _, m := range variable.FindAllStringSubmatch(value, -1) {
		if _, ok := ps.byAlias[m[1]]; ok {
			return true
		}
	}
	return false
}

// Resolve returns a copy of raw with every variable replaced. Unknown providers and keys
// leave the text as it is; what was put in is not looked at again (CW-120). The result
// holds secrets: it must never be stored, shown or logged (CW-121).
func (ps *Providers) Resolve(raw map[string]string) (map[string]string, error) {
	out := make(map[string]string, len(raw))
	for k, v := range raw {
		out[k] = v
	}
	if ps == nil || len(ps.byAlias) == 0 {
		return out, nil
	}
	type place struct{ alias, path string }
	wanted := map[place]map[string]bool{}
	for _, v := range raw {
		for _, m := range variable.FindAllStringSubmatch(v, -1) {
			if _, ok := ps.byAlias[m[1]]; !ok {
				continue
			}
			p := place{m[1], m[3]}
			if wanted[p] == nil {
				wanted[p] = map[string]bool{}
			}
			wanted[p][m[4]] = true
		}
	}
	found := map[place]map[string]string{}
	for p, set := range wanted {
		keys := make([]string, 0, len(set))
		for k := range set {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		vals, err := ps.byAlias[p.alias].Get(p.path, keys)
		if err != nil {
			return nil, fmt.Errorf("resolve variables of config provider %s: %w", p.alias, err)
		}
		found[p] = vals
	}
	for k, v := range raw {
		if !strings.Contains(v, "${") {
			continue
		}
		out[k] = variable.ReplaceAllStringFunc(v, func(text string) string {
			m := variable.FindStringSubmatch(text)
			if s, ok := found[place{m[1], m[3]}][m[4]]; ok {
				ps.remember(s, text)
				return s
			}
			return text
		})
	}
	return out, nil
}

// allowedPaths is the allowed.paths parameter: nil allows everything.
type allowedPaths []string

func allowed(prefix string, params map[string]string) (allowedPaths, error) {
	const name = "allowed.paths"
	var dirs allowedPaths
	for _, d := range SplitList(params[name]) {
		if !filepath.IsAbs(d) {
			return nil, Problem{prefix + "param." + name, "Path " + d + " is not absolute"}
		}
		if _, err := os.Stat(d); errors.Is(err, fs.ErrNotExist) {
			return nil, Problem{prefix + "param." + name, "Path " + d + " does not exist"}
		}
		dirs = append(dirs, filepath.Clean(d))
	}
	return dirs, nil
}

func (a allowedPaths) ok(path string) bool {
	if len(a) == 0 {
		return true
	}
	path = filepath.Clean(path)
	for _, d := range a {
		if path == d || strings.HasPrefix(path, strings.TrimSuffix(d, "/")+"/") {
			return true
		}
	}
	return false
}

// fileProvider is FileConfigProvider: keys of a properties file (CW-122).
type fileProvider struct{ allowed allowedPaths }

func (p fileProvider) Get(path string, keys []string) (map[string]string, error) {
	if path == "" || !p.allowed.ok(path) {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Could not read properties from file %s: %w", path, errors.Unwrap(err))
	}
	all, err := ParsePropertiesUTF8(data)
	if err != nil {
		return nil, fmt.Errorf("Could not read properties from file %s: %w", path, err)
	}
	return pick(all, keys), nil
}

// envProvider is EnvVarConfigProvider: environment variables, with an empty path (CW-123).
type envProvider struct{ allow *javaregex.Regex }

func (p envProvider) Get(path string, keys []string) (map[string]string, error) {
	if path != "" {
		return nil, fmt.Errorf("Path is not supported for EnvVarConfigProvider, invalid value '%s'", path)
	}
	out := map[string]string{}
	for _, k := range keys {
		if p.allow != nil {
			if ok, err := p.allow.Matches(k); err != nil || !ok {
				continue
			}
		}
		if v, ok := os.LookupEnv(k); ok {
			out[k] = v
		}
	}
	return out, nil
}

// directoryProvider is DirectoryConfigProvider: a file a key, its content untrimmed (CW-124).
type directoryProvider struct{ allowed allowedPaths }

func (p directoryProvider) Get(path string, keys []string) (map[string]string, error) {
	if path == "" || !p.allowed.ok(path) {
		return nil, nil
	}
	out := map[string]string{}
	for _, k := range keys {
		if k == "" || k != filepath.Base(k) || k == "." || k == ".." {
			continue // only files of this very directory
		}
		if info, err := os.Stat(filepath.Join(path, k)); err == nil && info.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(path, k))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("Could not read file %s: %w", filepath.Join(path, k), errors.Unwrap(err))
		default:
			out[k] = string(data)
		}
	}
	return out, nil
}

func pick(all map[string]string, keys []string) map[string]string {
	out := map[string]string{}
	for _, k := range keys {
		if v, ok := all[k]; ok {
			out[k] = v
		}
	}
	return out
}
