// Writes javakeys.tsv: every key of Kafka's clients and of the Connect worker with type and
// default, and what ConfigDef says to some values.
//
//   java -cp "$KAFKA_JARS/*" Keys.java > javakeys.tsv
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;

public class Keys {
    static final String[] VALUES = {"", "x", "-2", "-1", "0", "1", "2147483648", "9223372036854775808", "true", "1.5", " 7 ", "+5"};

    static ConfigDef definition(String name) throws Exception {
        Class<?> c = Class.forName(name);
        if (name.endsWith("DistributedConfig")) {
            Class<?> crypto = Class.forName("org.apache.kafka.connect.runtime.distributed.Crypto");
            Method make = c.getDeclaredMethod("config", crypto);
            make.setAccessible(true);
            Field system = crypto.getDeclaredField("SYSTEM");
            system.setAccessible(true);
            return (ConfigDef) make.invoke(null, system.get(null));
        }
        for (Field f : c.getDeclaredFields()) {
            if (f.getType() == ConfigDef.class && Modifier.isStatic(f.getModifiers())) {
                f.setAccessible(true);
                return (ConfigDef) f.get(null);
            }
        }
        throw new Exception("no definition in " + name);
    }

    static String text(ConfigDef.ConfigKey k) {
        if (!k.hasDefault()) return "-";
        if (k.defaultValue == null) return "null";
        if (k.type == ConfigDef.Type.CLASS) return k.defaultValue instanceof Class ? ((Class<?>) k.defaultValue).getName() : k.defaultValue.toString();
        return ConfigDef.convertToString(k.defaultValue, k.type).replace("class ", "");
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> sets = new LinkedHashMap<>();
        sets.put("producer", "org.apache.kafka.clients.producer.ProducerConfig");
        sets.put("consumer", "org.apache.kafka.clients.consumer.ConsumerConfig");
        sets.put("admin", "org.apache.kafka.clients.admin.AdminClientConfig");
        sets.put("distributed", "org.apache.kafka.connect.runtime.distributed.DistributedConfig");
        sets.put("standalone", "org.apache.kafka.connect.runtime.standalone.StandaloneConfig");
        Map<String, String> bad = new TreeMap<>();
        for (Map.Entry<String, String> set : sets.entrySet()) {
            ConfigDef def = definition(set.getValue());
            for (ConfigDef.ConfigKey k : new TreeMap<>(def.configKeys()).values()) {
                System.out.println("key\t" + set.getKey() + "\t" + k.name + "\t" + k.type + "\t" + text(k));
                for (String v : VALUES) {
                    String said;
                    try {
                        said = "";
                        for (ConfigValue value : def.validate(Map.of(k.name, v)))
                            if (value.name().equals(k.name) && !value.errorMessages().isEmpty()) said = value.errorMessages().get(0);
                    } catch (NullPointerException e) { // validators that do not expect a value that could not be parsed
                        continue;
                    }
                    if (said.contains("could not be found") || said.contains("supported by this JVM")) continue;
                    bad.merge(k.name + "\t" + v + "\t" + said, set.getKey(), (a, b) -> a + "," + b);
                }
            }
        }
        bad.forEach((what, where) -> { if (!what.endsWith("\t")) System.out.println("bad\t" + where + "\t" + what); });
    }
}
