// Does what scripts say on a real ActiveMQ, by its own JMS client: a step a line comes in, what was seen goes out.
//
//   in    verb TAB w:word TAB f:flag TAB s:name=type:value        one step
//   out   = what was seen                                         any number of lines
//         .                                                       the step is done; or
//         ! what went wrong
//
// The broker and its clients are in one process, and speak OpenWire over loopback. When the input ends, so do they.

import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.jms.Connection;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.InvalidDestinationException;
import javax.jms.InvalidSelectorException;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnection;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ActiveMQConnectionMetaData;
import org.apache.activemq.ActiveMQSession;
import org.apache.activemq.RedeliveryPolicy;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.broker.region.policy.PolicyEntry;
import org.apache.activemq.broker.region.policy.PolicyMap;
import org.apache.activemq.command.ActiveMQQueue;

public class Fidelity {
    /** How long a program waits for a message that does not come, in milliseconds, where the script does not say. */
    static final long WITHIN_MILLIS = 250;
    /** How long the broker has to hand out what a step left to be handed out. */
    static final long QUIET_MILLIS = 60;

    /** A consumer with a session and a connection of its own. */
    static class Client {
        Connection connection;
        Session session;
        MessageConsumer consumer;
        List<Message> received = new ArrayList<>();
    }

    /** A step, as it was read. */
    static class Step {
        String verb;
        List<String> words = new ArrayList<>();
        List<String> flags = new ArrayList<>();
        Map<String, Object> settings = new TreeMap<>();

        Step(String line) {
            String[] fields = line.split("\t");
            verb = fields[0];
            for (int at = 1; at < fields.length; at++) {
                String value = fields[at].substring(2);
                switch (fields[at].charAt(0)) {
                    case 'w': words.add(value); break;
                    case 'f': flags.add(value); break;
                    default:
                        int equals = value.indexOf('=');
                        settings.put(value.substring(0, equals), typed(value.substring(equals + 1)));
                }
            }
        }

        static Object typed(String text) {
            String value = text.substring(2);
            switch (text.charAt(0)) {
                case 'i':
                    // A whole number is an int where it is small enough, as programs write it.
                    long number = Long.parseLong(value);
                    return number == (int) number ? (Object) (int) number : (Object) number;
                case 'b': return Boolean.valueOf(value);
                default: return value;
            }
        }

        long number(String name, long otherwise) {
            Object value = settings.get(name);
            return value == null ? otherwise : ((Number) value).longValue();
        }

        String text(String name, String otherwise) {
            Object value = settings.get(name);
            return value == null ? otherwise : value.toString();
        }
    }

    BrokerService broker;
    Connection sender;
    Session sending;
    Map<String, Client> clients = new HashMap<>();
    final File folder;

    Fidelity(File folder) {
        this.folder = folder;
    }

    public static void main(String[] arguments) throws Exception {
        Fidelity fidelity = new Fidelity(new File(arguments[0]));
        System.out.println("= " + ActiveMQConnectionMetaData.PROVIDER_VERSION + "\n.");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line; (line = in.readLine()) != null;) {
            try {
                fidelity.take(new Step(line));
                System.out.println(".");
            } catch (Exception error) {
                System.out.println("! " + error);
                error.printStackTrace();
            }
        }
        fidelity.end();
        System.exit(0);
    }

    static void tell(String line) {
        System.out.println("= " + line);
    }

    void take(Step step) throws Exception {
        switch (step.verb) {
            case "begin": begin(step.words); return;
            case "end": end(); return;
            case "queue":
                Destination queue = new ActiveMQQueue(step.words.get(0));
                broker.getRegionBroker().addDestination(broker.getAdminConnectionContext(), (ActiveMQQueue) queue, true);
                return;
            case "send": send(step, sending.createQueue(step.words.get(0))); break;
            case "publish": send(step, sending.createTopic(step.words.get(0))); break;
            case "consume":
            case "subscribe": attach(step); break;
            case "receive": receive(step); break;
            case "ack": acknowledge(step); break;
            case "commit": client(step).session.commit(); break;
            case "rollback": client(step).session.rollback(); break;
            case "close": clients.remove(step.words.get(0)).connection.close(); break;
            case "wait": Thread.sleep(Long.parseLong(step.words.get(0))); return;
            case "browse": browse(step.words.get(0)); return;
            case "unsubscribe": unsubscribe(step.words.get(0), step.words.get(1)); break;
            default: throw new IllegalArgumentException("nobody knows how to " + step.verb);
        }
        Thread.sleep(QUIET_MILLIS);
    }

    void begin(List<String> settings) throws Exception {
        end();
        PolicyEntry entry = new PolicyEntry();
        broker = new BrokerService();
        for (String setting : settings) {
            String[] pair = setting.split("=");
            switch (pair[0]) {
                case "prioritized": entry.setPrioritizedMessages(true); break;
                case "strict": entry.setStrictOrderDispatch(true); break;
                case "scheduler": broker.setSchedulerSupport(true); break;
                case "sweep": entry.setExpireMessagesPeriod(Long.parseLong(pair[1])); break;
                default: throw new IllegalArgumentException("no broker is set so: " + setting);
            }
        }
        PolicyMap policies = new PolicyMap();
        policies.setDefaultEntry(entry);
        broker.setDestinationPolicy(policies);
        broker.setBrokerName("mqlab-fidelity");
        broker.setDataDirectoryFile(folder);
        broker.setUseJmx(false);
        broker.setUseShutdownHook(false);
        broker.setDeleteAllMessagesOnStartup(true);
        broker.addConnector("tcp://127.0.0.1:0");
        broker.start();
        broker.waitUntilStarted();
        sender = connect();
        ((ActiveMQConnection) sender).setAlwaysSyncSend(true);
        sender.start();
        sending = sender.createSession(false, Session.AUTO_ACKNOWLEDGE);
    }

    void end() throws Exception {
        for (Client client : clients.values()) {
            client.connection.close();
        }
        clients.clear();
        if (broker != null) {
            sender.close();
            broker.stop();
            broker.waitUntilStopped();
            broker = null;
        }
    }

    Connection connect() throws Exception {
        String address = broker.getTransportConnectors().get(0).getConnectUri().toString();
        return new ActiveMQConnectionFactory(address).createConnection();
    }

    Client client(Step step) {
        Client client = clients.get(step.words.get(0));
        if (client == null) {
            throw new IllegalArgumentException("no consumer " + step.words.get(0));
        }
        return client;
    }

    void send(Step step, Destination to) throws JMSException {
        MessageProducer producer = sending.createProducer(to);
        producer.setDeliveryMode(step.flags.contains("transient") ? DeliveryMode.NON_PERSISTENT : DeliveryMode.PERSISTENT);
        producer.setPriority((int) step.number("priority", Message.DEFAULT_PRIORITY));
        producer.setTimeToLive(step.number("ttl", 0));
        for (String body : step.words.subList(1, step.words.size())) {
            TextMessage message = sending.createTextMessage(body);
            for (Map.Entry<String, Object> setting : step.settings.entrySet()) {
                if (setting.getKey().startsWith("h.")) {
                    message.setObjectProperty(setting.getKey().substring(2), setting.getValue());
                }
            }
            if (step.settings.containsKey("group")) {
                message.setStringProperty("JMSXGroupID", step.text("group", ""));
            }
            if (step.settings.containsKey("seq")) {
                message.setIntProperty("JMSXGroupSeq", (int) step.number("seq", 0));
            }
            if (step.settings.containsKey("type")) {
                message.setJMSType(step.text("type", ""));
            }
            producer.send(message);
        }
        producer.close();
    }

    void attach(Step step) throws Exception {
        Client client = new Client();
        String name = step.words.get(1);
        boolean durable = step.flags.contains("durable");
        try {
            client.connection = connect();
            RedeliveryPolicy policy = ((ActiveMQConnection) client.connection).getRedeliveryPolicy();
            policy.setMaximumRedeliveries((int) step.number("redeliveries", policy.getMaximumRedeliveries()));
            policy.setInitialRedeliveryDelay(step.number("delay", policy.getInitialRedeliveryDelay()));
            policy.setRedeliveryDelay(step.number("delay", policy.getRedeliveryDelay()));
            if (step.settings.containsKey("backoff")) {
                policy.setUseExponentialBackOff(true);
                policy.setBackOffMultiplier(step.number("backoff", 0) / 100.0);
            }
            if (durable) {
                client.connection.setClientID(step.text("client", "client"));
            }
            boolean transacted = step.flags.contains("transacted");
            int mode = transacted ? Session.SESSION_TRANSACTED
                : step.flags.contains("client") ? Session.CLIENT_ACKNOWLEDGE
                : step.flags.contains("individual") ? ActiveMQSession.INDIVIDUAL_ACKNOWLEDGE
                : Session.AUTO_ACKNOWLEDGE;
            client.session = client.connection.createSession(transacted, mode);
            String selector = step.text("selector", null);
            if (durable) {
                client.consumer = client.session.createDurableSubscriber(
                    client.session.createTopic(step.words.get(0)), step.text("name", name), selector, false);
            } else if (step.verb.equals("subscribe")) {
                client.consumer = client.session.createConsumer(client.session.createTopic(step.words.get(0)), selector);
            } else {
                List<String> options = new ArrayList<>();
                for (String option : new String[] {"prefetch", "priority"}) {
                    if (step.settings.containsKey(option)) {
                        String full = option.equals("prefetch") ? "prefetchSize" : option;
                        options.add("consumer." + full + "=" + step.settings.get(option));
                    }
                }
                if (step.flags.contains("exclusive")) {
                    options.add("consumer.exclusive=true");
                }
                String address = step.words.get(0) + (options.isEmpty() ? "" : "?" + String.join("&", options));
                client.consumer = client.session.createConsumer(client.session.createQueue(address), selector);
            }
            client.connection.start();
            clients.put(name, client);
        } catch (JMSException error) {
            refused(error);
            client.connection.close();
        }
    }

    /** Why the broker refuses, in a word or two. */
    static void refused(JMSException error) throws JMSException {
        String why = String.valueOf(error.getMessage());
        if (error instanceof InvalidSelectorException) {
            tell("refused: invalid selector");
        } else if (why.contains("in use") || why.contains("already connected") || why.contains("active")) {
            tell("refused: in use");
        } else if (error instanceof InvalidDestinationException || why.contains("No durable subscription")) {
            tell("refused: unknown");
        } else {
            throw error;
        }
    }

    void receive(Step step) throws JMSException {
        Client client = client(step);
        long most = step.words.size() > 1 ? Long.parseLong(step.words.get(1)) : 1;
        for (long count = 0; count < most; count++) {
            Message message = client.consumer.receive(step.number("within", WITHIN_MILLIS));
            if (message == null) {
                tell("got nothing");
                break;
            }
            client.received.add(message);
            String body = ((TextMessage) message).getText();
            String redelivered = message.getJMSRedelivered() ? " redelivered" : "";
            tell("got " + body + redelivered + " count=" + message.getIntProperty("JMSXDeliveryCount"));
        }
    }

    void acknowledge(Step step) throws JMSException {
        Client client = client(step);
        List<String> named = step.words.subList(1, step.words.size());
        for (Message message : new ArrayList<>(client.received)) {
            // In a session that acknowledges everything at once, the last one stands for all.
            boolean last = message == client.received.get(client.received.size() - 1);
            if (named.isEmpty() ? last : named.contains(((TextMessage) message).getText())) {
                message.acknowledge();
            }
        }
        client.received.removeIf(message -> named.isEmpty() || isNamed(message, named));
    }

    static boolean isNamed(Message message, List<String> named) {
        try {
            return named.contains(((TextMessage) message).getText());
        } catch (JMSException error) {
            throw new IllegalStateException(error);
        }
    }

    void browse(String queue) throws JMSException {
        StringBuilder found = new StringBuilder(queue + ":");
        Enumeration<?> messages = sending.createBrowser(sending.createQueue(queue)).getEnumeration();
        while (messages.hasMoreElements()) {
            found.append(' ').append(((TextMessage) messages.nextElement()).getText());
        }
        tell(found.toString());
    }

    void unsubscribe(String id, String name) throws Exception {
        Connection connection = connect();
        try {
            connection.setClientID(id);
            connection.createSession(false, Session.AUTO_ACKNOWLEDGE).unsubscribe(name);
        } catch (JMSException error) {
            refused(error);
        } finally {
            connection.close();
        }
    }
}
