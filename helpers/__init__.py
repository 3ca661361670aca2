"""Look inside convolutional networks: the small library behind the lessons.

Read the modules in the order in which data flows; each imports only from those before it:

``images`` → ``weights`` → ``models`` → ``layers`` → ``convolution``, ``filters``,
``activations``, ``receptive_field`` → ``datasets``, ``patches`` → ``plots`` → ``widgets``;
``exercises`` stands beside them.

Importing this package loads nothing else: TensorFlow is imported where it is first needed.
"""
