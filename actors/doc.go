// Package actors runs connectors. It is the only room that imports the actor library.
//
//	System (root: API calls, guardian)
//	└── registry                      names, order of calls for one name
//	    └── connector/<name>          target state, its tasks
//	        └── task/<n>              the unit of restart: incarnations, offsets, retries
//	            ├── lane/<table>      transforms, then Sink.Write; one for each table or topic-partition
//	            └── pumps             goroutines: open and read, offset commit, flush, close
//
// Actors keep state and decide; every call that may block is made by a pump ([pumps]) and its
// result comes back as a message, except that lanes call Sink.Write, which may block until
// the context of the incarnation's work ends. That context is always ended before lanes are.
//
//	message                from           to         meaning
//	command                System         registry   one API call
//	stopConnector …        registry       connector  stop, pause, resume, restart
//	addPieces …            registry       connector  run more of it, or less (its parts may run on other workers)
//	restartTask            registry       connector  a new incarnation for one task
//	connectorEnded         connector      registry   all tasks have ended
//	stopTask …             connector      task       stop, pause, resume, rerun
//	taskEnded              task           connector  the task has ended in an orderly way
//	opened                 read pump      task       source and sink are open
//	frameRead              read pump      task       a frame, its bytes taken from the budget
//	readEnded              read pump      task       no more frames: asked for, io.EOF, or an error
//	batchWork              task           lane       a batch to transform and write
//	frameDone              sink           task       every batch of a frame is delivered
//	failed                 lane, sink     task       a batch cannot be delivered
//	laneMarker/laneDrained task           lane       passes behind all batches sent before
//	flushed                flush pump     task       Sink.Flush returned
//	committed              commit pump    task       offsets are stored, or not
//	revoked                source         task       partitions are taken away: drain and commit
//	closed                 close pump     task       source and sink are closed
//	boundaryDue            timer          task       the interval of a transaction is over
//	pulse, commitDue …     timers         task       gauges; offset.flush.interval.ms; deadlines; retry
//
// What may be committed, what may be in flight and which completions count is decided by plain values
// in package flow. What this room does not do: it knows no connector, reads no configuration
// and keeps no status; the daemon hands it a [Connector] and listens as a [StatusSink].
package actors
