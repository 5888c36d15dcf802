package container

import (
	"testing"
	"time"
)

func TestDisk(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	c := run(t, s, nil, "sleep", "1000")
	bytes, inodes := c.Disk()
	execOutput(t, c, "sh", "-c", "dd if=/dev/zero of=/big bs=1M count=2; mkdir /d; touch /d/1 /d/2; rm /etc/passwd; echo x >/dev/shm/x")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // a reading is good for a moment
		b, i := c.Disk()
		// A file of the image that was removed leaves a mark, and /etc a folder. What
		// is in memory is not on disk.
		if b >= bytes+2<<20 && b < bytes+3<<20 && i >= inodes+4 && i <= inodes+6 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes and %d inodes, before %d and %d", b, i, bytes, inodes)
		}
	}
}
