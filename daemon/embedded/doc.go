// Package embedded is the broker of the try-it mode: kfake with its segments in a directory,
// listening on the loopback interface. It is at-least-once and for trying out: it has one
// node, no replication and no promise about its file format.
//
// Topics must be created by request before they are written to: kfake forgets topics that
// came by auto-creation when the process is killed. So auto-creation is off.
package embedded
