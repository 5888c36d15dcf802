package policy

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"

	"github.com/podhop/podhop/internal/nsexec"
)

// What patches make of a table, step by step, is what writing the last of them makes
// of none.
func TestPatches(t *testing.T) {
	const seed, steps = 7, 60
	here, fresh := newPlace(t), newPlace(t)
	r := rand.New(rand.NewPCG(seed, seed))
	k, patched := &kernel{unsure: true}, 0
	in := world()
	for step := range steps {
		change(r, &in)
		table := Compile(in).Node("node-1")
		if p, ok := diff(k.now, table); ok && !k.unsure && p.messages() > 0 && p.messages() <= atOnce {
			patched++
		}
		if err := here.Do(func() error { _, err := k.set(table); return err }); err != nil {
			t.Fatalf("step %d: %v\n%s", step, err, table)
		}
		if err := fresh.Do(func() error { _, err := (&kernel{unsure: true}).set(table); return err }); err != nil {
			t.Fatal(err)
		}
		if got, want := listed(t, here), listed(t, fresh); got != want {
			t.Fatalf("step %d: patched\n%s\nanew\n%s", step, got, want)
		}
	}
	if patched < steps/2 {
		t.Errorf("%d of %d steps were patches", patched, steps)
	}
}

func newPlace(t *testing.T) *nsexec.NetNS {
	t.Helper()
	ns, err := nsexec.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// change makes one of the changes that sessions see.
func change(r *rand.Rand, in *Input) {
	switch at := r.IntN(6); {
	case at == 0 && len(in.Policies) > 8:
		in.Policies = in.Policies[1:]
	case at == 1 && len(in.Pods) > 8:
		in.Pods = in.Pods[1:]
	case at == 2 && len(in.Policies) > 0:
		p := in.Policies[0].DeepCopy()
		p.Spec.Ingress = append(p.Spec.Ingress, networking.NetworkPolicyIngressRule{})
		in.Policies[0] = p
	case at == 3:
		p := in.Pods[r.IntN(len(in.Pods))].DeepCopy()
		p.Labels = map[string]string{"app": []string{"my-app", "third", "db"}[r.IntN(3)]}
		in.Pods = append([]*v1.Pod{p}, others(in.Pods, p.Name)...)
	case at == 4 || at == 1:
		n := 20 + r.IntN(200)
		name := fmt.Sprintf("pod-%d", n)
		in.Pods = append(others(in.Pods, name), podOf("default/"+name, fmt.Sprintf("10.244.1.%d", n), "node-1", "172.18.0.11", "third"))
	default:
		all := generate(r)
		p := all[0]
		p.Name = fmt.Sprintf("p%d", r.IntN(1000))
		in.Policies = append(in.Policies, p)
	}
}

func others(all []*v1.Pod, name string) (out []*v1.Pod) {
	for _, p := range all {
		if p.Name != name {
			out = append(out, p)
		}
	}
	return out
}

var spread = regexp.MustCompile(`,\s+`)

// listed is a namespace's rules, in an order that does not depend on how they came.
func listed(t *testing.T, ns *nsexec.NetNS) string {
	t.Helper()
	var out []byte
	if err := ns.Do(func() (err error) {
		out, err = exec.Command("nft", "list", "ruleset").CombinedOutput()
		return err
	}); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text := strings.ReplaceAll(string(out), "podhop-policy-2", "podhop-policy")
	var blocks []string
	for block := range strings.SplitSeq(text, "\n\t}") {
		if head, list, ok := strings.Cut(block, "elements = {"); ok {
			list, tail, _ := strings.Cut(list, "}")
			block = head + strings.Join(slices.Sorted(slices.Values(spread.Split(strings.TrimSpace(list), -1))), ", ") + tail
		}
		blocks = append(blocks, strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(block), "table inet podhop-policy {")))
	}
	return strings.Join(slices.Sorted(slices.Values(blocks)), "\n")
}
