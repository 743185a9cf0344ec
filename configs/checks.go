package configs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errNull is what a range says about no value. Only numbers that were given and could not be read
// come to that: a key without a value is not checked.
var errNull = errors.New("Value must be non-null")

// AtLeast is a Check for numbers; its text is Kafka's.
func AtLeast(min int64) func(any) error {
	return func(val any) error {
		switch x := val.(type) {
		case nil:
			return errNull
		case int64:
			if x < min {
				return fmt.Errorf("Value must be at least %d", min)
			}
		case float64:
			if x < float64(min) {
				return fmt.Errorf("Value must be at least %d", min)
			}
		}
		return nil
	}
}

// Optional is a Check that has nothing to say about no value.
func Optional(check func(any) error) func(any) error {
	return func(val any) error {
		if val == nil {
			return nil
		}
		return check(val)
	}
}

// Between is a Check for whole numbers with both ends; its text is Kafka's.
func Between(min, max int64) func(any) error {
	return func(val any) error {
		switch i, ok := val.(int64); {
		case val == nil:
			return errNull
		case ok && i < min:
			return fmt.Errorf("Value must be at least %d", min)
		case ok && i > max:
			return fmt.Errorf("Value must be no more than %d", max)
		}
		return nil
	}
}

// BetweenFloats is a Check for fractions with both ends; its text is Kafka's.
func BetweenFloats(min, max float64) func(any) error {
	return func(val any) error {
		switch f, ok := val.(float64); {
		case val == nil:
			return errNull
		case ok && f < min:
			return fmt.Errorf("Value must be at least %s", JavaDouble(min))
		case ok && f > max:
			return fmt.Errorf("Value must be no more than %s", JavaDouble(max))
		}
		return nil
	}
}

// NotEmpty is a Check for strings and lists; its text is Kafka's.
func NotEmpty(val any) error {
	switch x := val.(type) {
	case string:
		if x == "" {
			return fmt.Errorf("String must be non-empty")
		}
	case []string:
		if len(x) == 0 {
			return fmt.Errorf("Empty list")
		}
	}
	return nil
}

// NonEmptyString is Kafka's check of names such as transactional.id.
func NonEmptyString(val any) error {
	if s, ok := val.(string); ok && s == "" {
		return fmt.Errorf("String must be non-empty")
	}
	return nil
}

// ListItems is Kafka's check of lists (ConfigDef.ValidList): no empty item, and no empty list
// unless allowed. Its text names the key by itself.
func ListItems(key string, mayBeEmpty bool) func(any) error {
	return func(val any) error {
		list, ok := val.([]string)
		if !ok {
			return nil
		}
		if len(list) == 0 && !mayBeEmpty {
			return wholeText("Configuration '" + key + "' must not be empty. Valid values include: any non-empty value")
		}
		seen := map[string]bool{}
		for _, s := range list {
			if s == "" {
				return wholeText("Configuration '" + key + "' values must not be empty.")
			}
			if seen[s] {
				return wholeText("Configuration '" + key + "' values must not be duplicated.")
			}
			seen[s] = true
		}
		return nil
	}
}

// wholeText is the error of a Check whose text is the whole message, without the usual
// "Invalid value V for configuration K: " before it.
type wholeText string

func (w wholeText) Error() string { return string(w) }

// WholeText makes an error of a Check that is shown as it is.
func WholeText(format string, args ...any) error { return wholeText(fmt.Sprintf(format, args...)) }

// Words is Kafka's check for exact words.
func Words(words ...string) func(any) error {
	return func(val any) error {
		for _, w := range words {
			if w == val {
				return nil
			}
		}
		return fmt.Errorf("String must be one of: %s", strings.Join(words, ", "))
	}
}

// AnyCaseWords is Kafka's check for words in upper or lower case; the text shows upper case.
func AnyCaseWords(words ...string) func(any) error {
	return func(val any) error {
		for _, w := range words {
			if s, _ := val.(string); strings.EqualFold(w, s) {
				return nil
			}
		}
		return fmt.Errorf("String must be one of (case insensitive): %s", strings.ToUpper(strings.Join(words, ", ")))
	}
}

// RefuseAny is a Refuse that accepts no value but the default.
func RefuseAny(why string) func(string) string { return func(string) string { return why } }

// RefuseExcept is a Refuse that accepts some words.
func RefuseExcept(why string, words ...string) func(string) string {
	return func(s string) string {
		for _, w := range words {
			if strings.EqualFold(w, s) {
				return ""
			}
		}
		return why
	}
}

// shownParsed is a parsed value as Java prints it in the error of a validator.
func shownParsed(k *Key, val any, text string) string {
	if _, secret := val.(Password); secret || val == nil {
		return show(k, text)
	}
	return shownValue(val)
}

func shownValue(val any) string {
	switch x := val.(type) {
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		return JavaDouble(x)
	case []string:
		return "[" + strings.Join(x, ", ") + "]"
	case nil:
		return "null"
	}
	return fmt.Sprint(val) // a Password prints as stars
}

// JavaDouble prints a fraction as Double.toString does.
func JavaDouble(f float64) string {
	if abs := max(f, -f); abs == 0 || abs >= 1e-3 && abs < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	s := strconv.FormatFloat(f, 'E', -1, 64)
	mantissa, exp, ok := strings.Cut(s, "E")
	if !ok {
		return map[string]string{"+Inf": "Infinity", "-Inf": "-Infinity"}[s] + strings.TrimPrefix(strings.TrimPrefix(s, "+Inf"), "-Inf")
	}
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exp) // it is FormatFloat's
	return mantissa + "E" + strconv.Itoa(n)
}

// parseJavaDouble is Double.parseDouble after trimming (CW-462): a trailing d or f, hexadecimal
// with an exponent, NaN and Infinity in exactly this spelling.
func parseJavaDouble(t string) (float64, error) {
	body := strings.TrimLeft(t, "+-")
	switch body {
	case "NaN", "Infinity":
	default:
		if body == "" || !strings.ContainsRune("0123456789.", rune(body[0])) || strings.ContainsRune(t, '_') {
			return 0, strconv.ErrSyntax
		}
		hex := len(body) > 1 && (body[1] == 'x' || body[1] == 'X')
		if hex && !strings.ContainsAny(body, "pP") {
			return 0, strconv.ErrSyntax
		}
		if last := t[len(t)-1]; strings.ContainsRune("dDfF", rune(last)) {
			t = t[:len(t)-1]
		}
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && strings.Contains(err.Error(), "range") {
		err = nil // Java gives infinity
	}
	return f, err
}
