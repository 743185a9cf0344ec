// Package transforms holds the single message transforms, one file per class, named after
// it. A transform works on whole batches: what depends on a schema is planned once per
// schema pointer, what is left per record moves columns in the slab. No transform sees a map.
//
// It does not know which classes a worker offers (daemon/plugins.go has that table) nor
// where errors go: an error ends the batch, the task decides.
package transforms
