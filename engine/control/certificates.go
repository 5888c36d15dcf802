package control

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/api/informer"
	certificatesv1 "k8s.io/api/certificates/v1"
	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	"k8s.io/kubernetes/pkg/controller/certificates/approver"
	"k8s.io/kubernetes/pkg/controller/certificates/cleaner"
	"k8s.io/kubernetes/pkg/controller/certificates/signer"
	"k8s.io/utils/clock"
)

// certificates approve, sign and clean up requests for certificates.
func (s *Controllers) certificates() []controller {
	c := s.client
	requests := kinds("certificatesigningrequests.certificates.k8s.io")
	list := []controller{
		{"certificatesigningrequest-approving", requests, nil, func(ctx context.Context, f *informer.Factory) (run, error) {
			a := approver.NewCSRApprovingController(ctx, c, f.Certificates().V1().CertificateSigningRequests())
			return func(ctx context.Context) { a.Run(ctx, 1) }, nil
		}},
		{"certificatesigningrequest-cleaner", requests, nil, func(_ context.Context, f *informer.Factory) (run, error) {
			d := cleaner.NewCSRCleanerController(c.CertificatesV1().CertificateSigningRequests(), f.Certificates().V1().CertificateSigningRequests())
			return func(ctx context.Context) { d.Run(ctx, 1) }, nil
		}},
		{"podcertificaterequest-cleaner", kinds("podcertificaterequests.certificates.k8s.io"), nil, func(_ context.Context, f *informer.Factory) (run, error) {
			d := cleaner.NewPCRCleanerController(c, f.Certificates().V1().PodCertificateRequests(), clock.RealClock{}, 15*time.Minute, 5*time.Minute)
			return func(ctx context.Context) { d.Run(ctx, 1) }, nil
		}},
	}
	if s.config.SigningKey != nil {
		list = append(list, controller{"certificatesigningrequest-signing", requests, nil, s.signers})
	}
	return list
}

// signers are those of all signers that kube-controller-manager knows, with one
// authority, as kubeadm starts it. Upstream reads it from files once; they are gone then.
func (s *Controllers) signers(ctx context.Context, f *informer.Factory) (run, error) {
	dir, err := os.MkdirTemp("", "podhop-signing-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	certificate, key := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key")
	if err := os.WriteFile(certificate, s.config.SigningCertificate, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(key, s.config.SigningKey, 0o600); err != nil {
		return nil, err
	}
	const aYear = 365 * 24 * time.Hour
	var all []*signer.CSRSigningController
	for name, signs := range map[string]string{
		"csrsigning-kubelet-serving":       certificatesv1.KubeletServingSignerName,
		"csrsigning-kubelet-client":        certificatesv1.KubeAPIServerClientKubeletSignerName,
		"csrsigning-kube-apiserver-client": certificatesv1.KubeAPIServerClientSignerName,
		"csrsigning-legacy-unknown":        certificatesv1beta1.LegacyUnknownSignerName,
	} {
		one, err := signer.NewCSRSigningController(ctx, name, signs, s.client, f.Certificates().V1().CertificateSigningRequests(), certificate, key, aYear)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return func(ctx context.Context) {
		var wg sync.WaitGroup
		for _, one := range all {
			wg.Go(func() { one.Run(ctx, 1) })
		}
		wg.Wait()
	}, nil
}
