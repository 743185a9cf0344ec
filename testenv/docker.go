package testenv

import (
	"context"
	"errors"
	"syscall"
)

type image struct{}

func kafkaImage(r *record) image                          { return image{} }
func mysqlImage(r *record, flags []string) image          { return image{} }
func useDocker() bool                                     { return false }
func containerRuns(id string) bool                        { return false }
func signalContainer(id string, sig syscall.Signal) error { return errors.New("no") }
func removeContainer(id string)                           {}
func runContainer(ctx context.Context, i image, r *record) (string, error) {
	return "", errors.New("no")
}
