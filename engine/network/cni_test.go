package network

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	cnicreate "github.com/containernetworking/cni/pkg/types/create"
)

// What stands in records is what CNI's own library takes, and is so.
func TestCNI(t *testing.T) {
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			l := w.lab(t, 2)
			a := l.pod("a", "node-1")
			files := l.NodeFiles("node-1")
			text := files[ConflistPath]
			list, err := libcni.NetworkConfFromBytes([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			want := map[CNI]string{Routed: "ptp", Bridge: "bridge", VXLAN: "flannel"}[w.cni]
			if list.CNIVersion != "1.1.0" || len(list.Plugins) != 2 || list.Plugins[1].Network.Type != "portmap" || list.Plugins[0].Network.Type != want {
				t.Errorf("%s", text)
			}
			add, ok := l.CNI(a.ID)
			if !ok || add.Plugin != want {
				t.Fatalf("%+v", add)
			}
			r, err := cnicreate.CreateFromBytes(add.Result)
			if err != nil || r.Version() != "1.1.0" {
				t.Fatal(err, r)
			}
			// The namespace has the addresses, links and routes that the result names.
			var said struct {
				Interfaces []struct{ Name, Mac, Sandbox string }
				IPs        []struct{ Address, Gateway string }
				Routes     []struct{ Dst, GW string }
			}
			if err := json.Unmarshal(add.Result, &said); err != nil {
				t.Fatal(err)
			}
			inside, outside := run(t, a.NS, "ip addr; ip route; ip -6 route"), run(t, l.Node("node-1"), "ip link")
			for _, i := range said.Interfaces {
				where := outside
				if i.Sandbox != "" {
					where = inside
				}
				if !strings.Contains(where, " "+i.Name+"@") && !strings.Contains(where, " "+i.Name+":") || !strings.Contains(where, i.Mac) {
					t.Errorf("%+v is not in\n%s", i, where)
				}
			}
			for _, ip := range said.IPs {
				if !strings.Contains(inside, " "+ip.Address+" ") || !strings.Contains(inside, "default via "+ip.Gateway) {
					t.Errorf("%+v is not in\n%s", ip, inside)
				}
			}
			for _, route := range said.Routes {
				dst := route.Dst
				if netip.MustParsePrefix(dst).Bits() == 0 {
					dst = "default"
				}
				if !strings.Contains(inside, dst+" via "+route.GW) {
					t.Errorf("%+v is not in\n%s", route, inside)
				}
			}
			if len(said.IPs) != len(l.desired.families()) || len(said.Routes) < len(said.IPs) {
				t.Errorf("%s", add.Result)
			}

			var record strings.Builder
			for _, path := range slices.Sorted(maps.Keys(files)) {
				record.WriteString("# " + path + "\n" + files[path])
			}
			for _, key := range slices.Sorted(maps.Keys(add.Env)) {
				record.WriteString(key + "=" + add.Env[key] + "\n")
			}
			for _, raw := range []json.RawMessage{add.Config, add.Result} {
				var b bytes.Buffer
				json.Indent(&b, raw, "", "  ")
				record.WriteString(b.String() + "\n")
			}
			golden(t, "cni/"+strings.ReplaceAll(w.String(), " ", "-"), record.String())
		})
	}
}
