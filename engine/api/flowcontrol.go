package api

import (
	"context"
	"fmt"
	"slices"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	"k8s.io/client-go/kubernetes"
)

// seedFlowControl creates the flow schemas and priority levels that upstream begins
// with. They are objects alone: requests of one session do not queue.
func seedFlowControl(ctx context.Context, c kubernetes.Interface) error {
	// as k8s.io/apiserver/pkg/util/flowcontrol writes them
	updated := map[string]string{flowcontrolv1.AutoUpdateAnnotationKey: "true"}
	for _, l := range slices.Concat(bootstrap.MandatoryPriorityLevelConfigurations, bootstrap.SuggestedPriorityLevelConfigurations) {
		l = l.DeepCopy()
		l.Annotations = updated
		if _, err := c.FlowcontrolV1().PriorityLevelConfigurations().Create(ctx, l, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for _, f := range slices.Concat(bootstrap.MandatoryFlowSchemas, bootstrap.SuggestedFlowSchemas) {
		f = f.DeepCopy()
		f.Annotations = updated
		made, err := c.FlowcontrolV1().FlowSchemas().Create(ctx, f, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		level := f.Spec.PriorityLevelConfiguration.Name
		made.Status.Conditions = []flowcontrolv1.FlowSchemaCondition{{
			Type: flowcontrolv1.FlowSchemaConditionDangling, Status: flowcontrolv1.ConditionFalse, Reason: "Found", LastTransitionTime: metav1.Now(),
			Message: fmt.Sprintf("This FlowSchema references the PriorityLevelConfiguration object named %q and it exists", level),
		}}
		if _, err := c.FlowcontrolV1().FlowSchemas().UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}
