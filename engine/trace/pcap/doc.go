// Package pcap keeps the frames of recent journeys, and writes them as a capture
// file that Wireshark opens: each device an interface with its name, and what each
// hop says as comments of the frame.
//
// It is pure, and must not know how frames are captured or joined.
package pcap
