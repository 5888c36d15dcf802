package chromium

import (
	"maps"
	"net/url"
	"slices"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Hosts are those that the page has asked for anything, as host:port, in order.
func (p *Tab) Hosts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.hosts))
}

func (p *Tab) watchHosts() {
	if _, err := chromedp.Call(p.ctx, network.Enable, network.EnableParams{}); err != nil {
		p.T.Fatal(err)
	}
	requests := chromedp.Events(p.ctx, network.RequestWillBeSent)
	sockets := chromedp.Events(p.ctx, network.WebSocketCreated)
	note := func(address string) {
		at, err := url.Parse(address)
		if err != nil || at.Host == "" { // a data: address asks nobody
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.hosts == nil {
			p.hosts = map[string]bool{}
		}
		p.hosts[at.Host] = true
	}
	go func() {
		for e, err := range requests {
			if err != nil {
				return
			}
			note(e.Request.URL)
		}
	}()
	go func() {
		for e, err := range sockets {
			if err != nil {
				return
			}
			note(e.URL)
		}
	}()
}
