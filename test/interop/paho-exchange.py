"""Publishes to itself over one connection: paho-exchange.py PORT VERSION (31, 311, 5) TRANSPORT (tcp, tls, ws, wss) [CAFILE]."""
import sys
import paho.mqtt.client as mqtt

port, version, transport = int(sys.argv[1]), sys.argv[2], sys.argv[3]
protocol = {"31": mqtt.MQTTv31, "311": mqtt.MQTTv311, "5": mqtt.MQTTv5}[version]
payloads = [b"", b"a", b"b" * 125, b"c" * 126, b"d" * 70000, b"e" * 300000]
wanted = [(qos, payload) for payload in payloads for qos in (0, 1, 2)]
got = []

client = mqtt.Client("paho", protocol=protocol, transport="websockets" if transport.startswith("ws") else "tcp")
if transport in ("tls", "wss"):
    client.tls_set(ca_certs=sys.argv[4])


def on_connect(client, userdata, flags, rc, properties=None):
    client.subscribe("paho/#", 2)


def on_subscribe(client, userdata, mid, granted, properties=None):
    for qos, payload in wanted:
        client.publish("paho/%d" % qos, payload, qos)


def on_message(client, userdata, message):
    got.append((message.qos, bytes(message.payload)))
    if len(got) == len(wanted):
        client.disconnect()


client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect("localhost", port)
client.loop_forever(retry_first_connection=False)
for qos in (0, 1, 2):
    if [payload for each, payload in got if each == qos] != payloads:
        sys.exit("messages of QoS %d are not as they were sent" % qos)
print("exchanged", len(got))
