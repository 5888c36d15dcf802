package chromium

import (
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// Modifiers of a key, in the browser's bits.
const (
	Ctrl  = 2
	Shift = 8
)

// codes are the virtual key codes of keys that have no character, or another.
var codes = map[string]int64{"Enter": 13, "Tab": 9, "Escape": 27, "Backspace": 8, "F6": 117, "ArrowUp": 38, "ArrowDown": 40, "ArrowLeft": 37, "ArrowRight": 39}

// Press presses a key and lets go of it, as a keyboard does: what belongs to it comes with the
// press. Keys sends a key and its character as two, which a terminal takes for two.
func (p *Tab) Press(key string, modifiers int64) {
	p.T.Helper()
	e := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Modifiers: modifiers, WindowsVirtualKeyCode: codes[key]}
	switch {
	case key == "Enter":
		e.Text = "\r"
	case len([]rune(key)) == 1 && modifiers&Ctrl == 0:
		e.Text = key
	case len(key) == 1: // Ctrl and a letter
		e.WindowsVirtualKeyCode = int64(key[0] &^ 0x20)
	}
	for _, kind := range []input.DispatchKeyEventType{e.Type, "keyUp"} {
		e.Type = kind
		if kind == "keyUp" {
			e.Text = ""
		}
		if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, e); err != nil {
			p.T.Fatal(err)
		}
	}
}

// Type presses the keys of a text, one after the other.
func (p *Tab) Type(text string) {
	p.T.Helper()
	for _, r := range text {
		key := string(r)
		if r == '\n' {
			key = "Enter"
		}
		p.Press(key, 0)
	}
}
