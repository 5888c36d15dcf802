package e2e

import (
	"testing"

	"github.com/podhop/podhop/internal/vulnerabilities"
)

// The program has no known vulnerability that nobody has looked at.
func TestVulnerabilities(t *testing.T) {
	t.Parallel()
	found, err := vulnerabilities.Scan(t.Context(), root, podhop, vulnerabilities.Database)
	if err != nil {
		t.Fatal(err)
	}
	toolchain, err := vulnerabilities.Toolchain(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := vulnerabilities.Judge(found, toolchain, vulnerabilities.Accepted); err != nil {
		t.Error(err)
	}
}
