"""The linearizability tool: clients race for a few sessions while one of their processes is killed.

    holdall plugin test file --linear --histories 10 --seed 1

Eight clients, in two processes where the storage is shared, open, append, update conditionally, read, delete and
make again the same few sessions; one process dies by ``kill -9`` and another takes its place. Each call is noted with
the moments of its beginning and end. A history is good when every call can be given one moment between
those two at which it happened, as the model says; a call without an end may have happened, or not.

A control runs first: of histories into which bugs were put the checker must find every one, and none in the others.
"""
