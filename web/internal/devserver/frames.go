package devserver

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// A frame's opcodes (RFC 6455, section 5.2).
const (
	opContinue = 0
	opText     = 1
	opBinary   = 2
	opClose    = 8
)

var errClosed = errors.New("the viewer closed the line")

// writeFrame writes one unmasked frame, as servers do.
func writeFrame(conn net.Conn, op byte, data []byte) error {
	head := []byte{0x80 | op}
	switch n := len(data); {
	case n < 126:
		head = append(head, byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(n))
	}
	_, err := conn.Write(append(head, data...))
	return err
}

// readMessage reads frames until a text or binary message is whole.
func readMessage(r io.Reader, limit int) (op byte, data []byte, err error) {
	for {
		fin, this, part, err := readFrame(r, limit)
		switch {
		case err != nil:
			return 0, nil, err
		case this == opClose:
			return 0, nil, errClosed
		case this > opBinary:
			continue // a ping or a pong
		case this != opContinue:
			op, data = this, nil
		}
		if data = append(data, part...); len(data) > limit {
			return 0, nil, errors.New("the message is too long")
		}
		if fin {
			return op, data, nil
		}
	}
}

// readFrame reads a masked frame, as clients send them (RFC 6455, section 5.3).
func readFrame(r io.Reader, limit int) (fin bool, op byte, data []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return false, 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	if n >= 126 {
		long := make([]byte, map[uint64]int{126: 2, 127: 8}[n])
		if _, err := io.ReadFull(r, long); err != nil {
			return false, 0, nil, err
		}
		n = 0
		for _, b := range long {
			n = n<<8 | uint64(b)
		}
	}
	if n > uint64(limit) {
		return false, 0, nil, errors.New("the frame is too long")
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, mask[:]); err != nil {
			return false, 0, nil, err
		}
	}
	data = make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return false, 0, nil, err
	}
	for i := range data {
		data[i] ^= mask[i%4]
	}
	return head[0]&0x80 != 0, head[0] & 0x0f, data, nil
}
