package limit

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Rate{
		"30/m:120": {0.5, 120},
		"20/s:400": {20, 400},
		"1/h:1":    {1. / 3600, 1},
		"0.5/s:3":  {0.5, 3},
		"off":      {},
	} {
		r, err := Parse(text)
		if err != nil || r != want {
			t.Errorf("%s is %v, %v", text, r, err)
		}
		if again, err := Parse(r.String()); again != want || err != nil {
			t.Errorf("%s is written %s, which is %v, %v", text, r, again, err)
		}
	}
	for _, text := range []string{"", "30", "30/m", "30/d:1", "0/s:1", "-1/s:1", "1/s:0", "NaN/s:1", "Inf/s:1", "1/s:1:1", "x/s:1", "1/s:many", "1e9/s:1"} {
		if r, err := Parse(text); err == nil {
			t.Errorf("%q is %v", text, r)
		}
	}
}

func TestBuckets(t *testing.T) {
	now := time.Unix(1000, 0)
	b := New(Rate{PerSecond: 0.5, Burst: 3})
	take := func(key string) time.Duration { return Take(now, Claim{b, key}) }
	for i := range 3 {
		if wait := take("a"); wait != 0 {
			t.Errorf("the %d. waits %v", i+1, wait)
		}
	}
	if wait := take("a"); wait != 2*time.Second {
		t.Errorf("the fourth waits %v", wait)
	}
	if wait := take("b"); wait != 0 {
		t.Errorf("somebody else waits %v", wait)
	}
	now = now.Add(1500 * time.Millisecond)
	if wait := take("a"); wait != 500*time.Millisecond {
		t.Errorf("a second and a half later it waits %v", wait)
	}
	now = now.Add(500 * time.Millisecond) // as long as it was told
	if wait := take("a"); wait != 0 {
		t.Errorf("two seconds later it waits %v", wait)
	}
	now = now.Add(time.Hour)
	for range 3 {
		take("a")
	}
	if wait := take("a"); wait == 0 {
		t.Error("an hour fills a bucket above its brim")
	}
}

// Whoever is refused by one limit has lost nothing of the others.
func TestRefusedCostsNothing(t *testing.T) {
	now := time.Unix(1000, 0)
	person, address := New(Rate{1, 1}), New(Rate{1, 2})
	claims := func(who string) []Claim { return []Claim{{person, who}, {address, "x"}} }
	Take(now, claims("a")...)
	for range 10 {
		if Take(now, claims("a")...) == 0 {
			t.Fatal("there is a second token in a bucket of one")
		}
	}
	if wait := Take(now, claims("b")...); wait != 0 {
		t.Errorf("the other at the same address waits %v", wait)
	}
	if Take(now, claims("c")...) == 0 {
		t.Error("there is a third token in the address's bucket of two")
	}
}

// Of those who come at the same time no more pass than one after the other.
func TestAtOnce(t *testing.T) {
	now := time.Unix(1000, 0)
	b, other := New(Rate{1, 10}), New(Rate{1, 1000})
	var passed atomic.Int32
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for range 500 {
		wg.Go(func() {
			<-begin
			if Take(now, Claim{other, "y"}, Claim{b, "x"}) == 0 {
				passed.Add(1)
			}
		})
	}
	close(begin)
	wg.Wait()
	if n := passed.Load(); n != 10 {
		t.Errorf("%d got one of ten tokens", n)
	}
}

// Who did much before it cost anything waits for it, but not for ever.
func TestOwe(t *testing.T) {
	now := time.Unix(1000, 0)
	b := New(Rate{1, 10})
	for range 15 {
		b.Owe(now, "x")
	}
	if wait := Wait(now, Claim{b, "x"}); wait != 6*time.Second {
		t.Errorf("who owes five waits %v", wait)
	}
	for range 1000 {
		b.Owe(now, "x")
	}
	if wait := Wait(now, Claim{b, "x"}); wait != 11*time.Second {
		t.Errorf("who owes all waits %v", wait)
	}
	b.Owe(now, "")
	New(Rate{}).Owe(now, "x")
}

// Nobody, and no limit.
func TestNone(t *testing.T) {
	now := time.Unix(1000, 0)
	for range 5 {
		if wait := Take(now, Claim{New(Rate{}), "a"}, Claim{New(Rate{1, 1}), ""}); wait != 0 {
			t.Fatalf("it waits %v", wait)
		}
	}
}

// However many ask, only so many are remembered, and who asks often is.
func TestBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	b := newBuckets(Rate{1, 1}, 100)
	for i := range 10_000 {
		Take(now, Claim{b, "often"})
		Take(now, Claim{b, fmt.Sprint(i)})
	}
	if n := b.all.Len(); n != 100 {
		t.Errorf("%d are remembered", n)
	}
	if Take(now, Claim{b, "often"}) == 0 {
		t.Error("who asks often was forgotten")
	}
}

func TestAddress(t *testing.T) {
	for at, want := range map[string]string{
		"192.0.2.1":            "192.0.2.1/32",
		"::ffff:192.0.2.1":     "192.0.2.1/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::1":      "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
	} {
		if got := Address(netip.MustParseAddr(at)); got != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
	if got := Address(netip.Addr{}); got != "" {
		t.Errorf("none is %q", got)
	}
}
