package peerkit

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Split turns an address of the command line into Go's network and address:
// `unix:PATH` is a Unix socket, anything else host:port.
func Split(address string) (network, target string) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return "unix", path
	}
	return "tcp", address
}

// Dial connects to an address of the command line.
func Dial(address string) (net.Conn, error) { return DialTimeout(address, nil, 0) }

// DialTimeout connects within the limit (0: the system's), over TLS if there is a
// configuration for it.
func DialTimeout(address string, config *tls.Config, limit time.Duration) (net.Conn, error) {
	network, target := Split(address)
	dialer := &net.Dialer{Timeout: limit}
	if config != nil {
		return tls.DialWithDialer(dialer, network, target, config)
	}
	return dialer.Dial(network, target)
}

// Listen listens on TCP and, unless unix is empty, on a Unix socket as well. It
// prints a line `listening ADDR` for each. With a certificate file both speak
// TLS; the file is written before the lines are printed.
func Listen(console *Console, tcp, unix, certificate string) ([]net.Listener, error) {
	first, err := net.Listen("tcp", tcp)
	if err != nil {
		return nil, err
	}
	listeners := []net.Listener{first}
	if unix != "" {
		second, err := net.Listen("unix", unix)
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, second)
	}
	if certificate != "" {
		config, err := ServeTLS(certificate)
		if err != nil {
			return nil, err
		}
		for i, listener := range listeners {
			listeners[i] = tls.NewListener(listener, config)
		}
	}
	console.Line("listening %s", first.Addr())
	if unix != "" {
		console.Line("listening unix:%s", unix)
	}
	return listeners, nil
}

// Vectors is the folder of recorded vectors: the one that TRUNKLINE_VECTORS
// names, else the project's own. Tests run in their package's folder.
func Vectors() string {
	if folder := os.Getenv("TRUNKLINE_VECTORS"); folder != "" {
		return folder
	}
	return filepath.Join("..", "..", "vectors")
}
