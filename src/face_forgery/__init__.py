"""Face Forgery: train, judge and use a detector of forged faces in images.

``import face_forgery as ff`` gives the functions that ``__init__.pyi`` lists; a module is imported
when one of its functions is first used.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
