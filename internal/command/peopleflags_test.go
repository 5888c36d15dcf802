package command

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podhop/podhop/server"
	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/gate"
	"github.com/podhop/podhop/server/keep"
)

func peopleOf(t *testing.T, args ...string) (c peopleConfig, err error) {
	t.Helper()
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	fs.SetOutput(new(strings.Builder))
	registerPeople(fs, &c)
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	return c, c.read()
}

func TestPeopleFlags(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	tokens, short := write("tokens", "# of the spring\nthe-token-of-spring\n\nthe-token-of-may\n"), write("short", "a-good-long-token\nshort\n")
	for args, want := range map[string]string{
		"--trusted-proxies nonsense":                `--trusted-proxies "nonsense": must be an address or a prefix`,
		"--instructors nobody":                      `--instructors "nobody": must be everybody, token or accounts`,
		"--instructors accounts":                    "--instructors accounts: there are none without --oidc-issuer",
		"--gate fence":                              `--gate "fence": must be none, work or token`,
		"--gate work --gate-bits 60":                "--gate-bits 60: must be between 4 and 26",
		"--gate token":                              "--access-token-file:",
		"--gate token --access-token-file " + short: "line 2: a token must have",
		"--operator-token-file " + dir + "/none":    "--operator-token-file:",
		"--limit-open many":                         "must be as 30/m:120",
		"--limit-connections many":                  "must be as 30/m:120",
		"--max-connections -1":                      "--max-connections -1: must not be negative",
		"--max-connections-address -1":              "--max-connections-address -1: must not be negative",
		"--oidc-client-id x":                        "--oidc-issuer is missing",
		"--oidc-required":                           "--oidc-issuer is missing",
		"--oidc-issuer ftp://x --oidc-client-id x":  "must be a URL",
		"--oidc-issuer https://x":                   "--oidc-client-id is missing",
		"--oidc-issuer https://x --oidc-client-id x --oidc-operators root":         `--oidc-operators "root": must be CLAIM=VALUE`,
		"--oidc-issuer https://x --oidc-client-id x --oidc-client-secret-file /no": "--oidc-client-secret-file:",
	} {
		if _, err := peopleOf(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
	c, err := peopleOf(t, "--gate", "token", "--access-token-file", tokens, "--trusted-proxies", "10.0.0.0/8,::1", "--limit-open", "off", "--limit-changes", "5/s:10",
		"--oidc-issuer", "http://127.0.0.1:5556/dex", "--oidc-client-id", "podhop", "--oidc-client-secret-file", tokens, "--oidc-instructors", "groups=teachers")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.access) != 2 || len(c.trusted) != 2 || c.limits.Open != (server.Limits{}).Open || c.limits.Changes.Burst != 10 {
		t.Errorf("they are %+v", c)
	}
}

// What the flags make is made in the data folder, once, for its owner's eyes.
func TestPeopleOfFlags(t *testing.T) {
	data, store := t.TempDir(), keep.Memory()
	c, err := peopleOf(t, "--instructors", "token", "--gate", "work")
	if err != nil {
		t.Fatal(err)
	}
	var to server.Config
	if err := c.apply(context.Background(), data, store, &to); err != nil {
		t.Fatal(err)
	}
	if to.People == nil || to.Gate.Kind() != gate.Work || to.Limits != server.DefaultLimits() || to.Accounts != nil {
		t.Errorf("they make %+v", to)
	}
	to.Audit.Record(context.Background(), audit.Event{Action: "session.open", Session: "abcdefgh"})
	line, err := os.ReadFile(filepath.Join(data, "audit.log"))
	var e audit.Event
	if err != nil || json.Unmarshal(line, &e) != nil || e.Action != "session.open" || e.Time.IsZero() {
		t.Errorf("the audit log has %s, %v", line, err)
	}
	for _, name := range []string{"operator-token", "instructor-token", "audit.log"} {
		if info, err := os.Stat(filepath.Join(data, name)); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	c.audit.file = "off"
	if log, err := c.audit.open(data); log != nil || err != nil {
		t.Errorf("off is %v, %v", log, err)
	}
	c.audit.file = data + "/no/folder/audit.log"
	if _, err := c.audit.open(data); err == nil {
		t.Error("a log that cannot be written to is taken")
	}
}
