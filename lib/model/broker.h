/* Requests of the IVOA ExecutionBroker v1.0, read as tasks. What a task cannot say is told by a
 * warning (rule lossy), never dropped silently. */
#ifndef MODEL_BROKER_H
#define MODEL_BROKER_H

#include "model/check.h"

/* Was it written for a broker? By the kinds of its components, or by what stands where. */
bool broker_is(const json_t *doc);

/* Turns a request into a task, in place; `moves` tell where each part was written. False when it
 * cannot be read as one, which a finding says: doc is then as it was. */
bool broker_import(enum kind kind, json_t *doc, struct moves *moves, struct findings *findings);

#endif
