package control

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/podhop/podhop/engine/api"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

// TestMain makes the test binary kubectl too: with PODHOP_TEST_KUBECTL set it is
// what k8s.io/kubernetes/cmd/kubectl is.
func TestMain(m *testing.M) {
	if os.Getenv("PODHOP_TEST_KUBECTL") != "" {
		os.Args[0] = "kubectl"
		if err := api.SetVersion(); err != nil {
			panic(err)
		}
		if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
			util.CheckErr(err)
		}
		os.Exit(0)
	}
	// Upstream's scheduler listens for this signal in every session; the first
	// to do so starts a goroutine that stays.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR2)
	os.Exit(m.Run())
}
