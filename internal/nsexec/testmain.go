package nsexec

import (
	"fmt"
	"os"
)

// TestMain runs a package's tests in fresh namespaces, as root of them, whoever
// started them; it does not return. Nothing of a test's namespaces, mounts and
// processes outlives it. It skips nothing: where namespaces cannot be had, the
// tests fail and say why.
//
//	func TestMain(m *testing.M) { nsexec.TestMain(m) }
func TestMain(m interface{ Run() int }) {
	if !Inside() {
		code, err := Supervise(SuperviseConfig{})
		if err != nil {
			fmt.Fprintln(os.Stderr, "nsexec: tests need namespaces:", err)
		}
		os.Exit(code)
	}
	env, err := Enter()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nsexec: tests need namespaces:", err)
		os.Exit(1)
	}
	os.Exit(env.Run(m.Run))
}
