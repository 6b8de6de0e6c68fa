/* Locks on whole files that the kernel gives back when their holder dies, and that can be asked
 * about without being taken. They belong to the open file, not to the process. */
#ifndef HOST_LOCK_H
#define HOST_LOCK_H

#include "text/err.h"

/* Takes the lock of an open file: 1, 0 when another holds it, -1 with errno. */
int lock_try(int fd);
/* The same, shared with others who only share it. */
int lock_share(int fd);
/* One byte of the file, exclusively, as lock_try: a file of places that only so many may have. */
int lock_byte(int fd, int64_t at);
/* Does somebody hold the lock of this file? A file that is not there is not locked; what cannot be
 * asked (its file system does not answer, there are too many open files) is neither, with errno. */
enum lock_state { LOCK_FREE, LOCK_HELD, LOCK_UNKNOWN };
enum lock_state lock_ask(const char *path);

#endif
