package records

import "fmt"

var javaClasses = [...]string{KindNull: "null", KindInt8: "java.lang.Byte", KindInt16: "java.lang.Short",
	KindInt32: "java.lang.Integer", KindInt64: "java.lang.Long", KindFloat32: "java.lang.Float",
	KindFloat64: "java.lang.Double", KindBool: "java.lang.Boolean", KindString: "java.lang.String",
	KindBytes: "[B", KindArray: "java.util.ArrayList", KindMap: "java.util.HashMap",
	KindStruct: "org.apache.kafka.connect.data.Struct", KindDate: "java.util.Date"}

// JavaClass is the Java class of a value as converters and connectors make it.
func JavaClass(s *Schema, v Value) string {
	if s != nil && !v.IsNull() {
		switch s.Name {
		case DateName, TimeName, TimestampName:
			return javaClasses[KindDate]
		case DecimalName:
			return "java.math.BigDecimal"
		}
	}
	if int(v.Kind) < len(javaClasses) {
		return javaClasses[v.Kind]
	}
	return fmt.Sprintf("kind %d", v.Kind)
}
