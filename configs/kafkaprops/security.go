package kafkaprops

import (
	"context"
	"crypto/tls"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/anabranch/anabranch/configs"
)

func securityKeys() []configs.Key {
	keys := append(saslKeys(), oauthKeys()...)
	return append(keys, tlsKeys()...)
}

// security sets how connections are made: with buffers as asked, TLS and SASL.
func (s *Settings) security(v *configs.Values) {
	protocol := strings.ToUpper(v.Str(SecurityProtocol))
	dial := (&net.Dialer{Timeout: clampMillis(v.Int("socket.connection.setup.timeout.ms"))}).DialContext
	if send, receive := given(v, "send.buffer.bytes"), given(v, "receive.buffer.bytes"); send > 0 || receive > 0 {
		dial = withBuffers(dial, send, receive)
	}
	if strings.HasSuffix(protocol, "SSL") {
		if cfg := s.tls(v); cfg != nil {
			s.add(kgo.Dialer(withTLS(dial, cfg)))
		}
	} else {
		s.add(kgo.Dialer(dial))
	}
	if strings.HasPrefix(protocol, "SASL") {
		if m := s.mechanism(v); m != nil {
			s.add(kgo.SASL(m))
		}
	}
}

// given is a number that the user set, otherwise -1.
func given(v *configs.Values, name string) int {
	if !v.Given(name) {
		return -1
	}
	return int(v.Int(name))
}

type dialFunc = func(ctx context.Context, network, host string) (net.Conn, error)

func withBuffers(dial dialFunc, send, receive int) dialFunc {
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		c, err := dial(ctx, network, host)
		if t, ok := c.(*net.TCPConn); ok && err == nil {
			if send > 0 {
				_ = t.SetWriteBuffer(send) // a size that the system does not like leaves its own
			}
			if receive > 0 {
				_ = t.SetReadBuffer(receive)
			}
		}
		return c, err
	}
}

func withTLS(dial dialFunc, cfg *tls.Config) dialFunc {
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		raw, err := dial(ctx, network, host)
		if err != nil {
			return nil, err
		}
		own := cfg.Clone()
		if own.ServerName == "" {
			name, _, err := net.SplitHostPort(host)
			if err != nil {
				name = host
			}
			own.ServerName = name
		}
		c := tls.Client(raw, own)
		if err := c.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // the handshake's error counts
			return nil, err
		}
		return c, nil
	}
}
